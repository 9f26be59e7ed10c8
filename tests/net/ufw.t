#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The real rules of ufw, loaded by its own start-up script, drop intercepted flows in INPUT.
# status reports it, and the rule that it names lets the flows in.
. "$(dirname "$0")/../lib/test.sh"

[[ -x /lib/ufw/ufw-init && -d /usr/share/ufw/iptables ]] ||
	skip_inside "ufw is not installed (scripts/deps installs it)"
command -v iptables >/dev/null || skip_inside "iptables is not installed"

# ufw_tree — a copy of it, switched on, that knows nothing of this machine's own settings
ufw_tree() {
	mkdir -p "$WORK/ufw/etc/default" "$WORK/ufw/etc/ufw" "$WORK/ufw/lib" &&
		cp -r /lib/ufw "$WORK/ufw/lib/" &&
		cp /usr/share/ufw/iptables/*.rules /usr/share/ufw/ufw.conf "$WORK/ufw/etc/ufw/" &&
		sed -i 's/^ENABLED=.*/ENABLED=yes/' "$WORK/ufw/etc/ufw/ufw.conf" &&
		sed -i "s|/etc/default/ufw|$WORK/ufw&|g; s|/etc/ufw|$WORK/ufw/etc/ufw|g" \
			"$WORK/ufw/lib/ufw/ufw-init-functions" &&
		cat >"$WORK/ufw/etc/default/ufw" <<-'CONF'
			IPV6=yes
			DEFAULT_INPUT_POLICY="DROP"
			DEFAULT_OUTPUT_POLICY="ACCEPT"
			DEFAULT_FORWARD_POLICY="DROP"
			DEFAULT_APPLICATION_POLICY="SKIP"
			MANAGE_BUILTINS=no
			IPT_SYSCTL=
			IPT_MODULES=""
		CONF
}
ids() { loader -j status "$@" | json_value "sorted({p['id'] for p in o['problems']})"; }
shut() { [[ $(seen "$1") == nobody ]]; }

prepare nginx
ok "the relay starts" relay_start
for hook in clsact tcx; do
	try loader attach r0 --ports 80 --hook $hook
	[[ $RC -eq 0 ]] || continue
	ok "$hook: flows go through the relay" steering $SERVER4 $SERVER6
	is "$hook: nothing is wrong" "$(ids --probe)" "[]"
	ufw_tree || fatal "ufw is copied"
	r "$WORK/ufw/lib/ufw/ufw-init" --rootdir "$WORK/ufw" start >"$WORK/log/ufw" 2>&1
	ok "$hook: ufw is up" grep -q ufw-before-input <(r iptables -S INPUT)
	for to in $SERVER4 $SERVER6; do
		ok "$hook: $to is not reached" shut "$to"
	done
	is "$hook: status says why" "$(ids)" "['input-filter']"
	try loader attach r0 --probe
	is "$hook: attach --probe has remarks" $RC 4
	like "$hook: with the cure" "$ERR" 'meta mark & 0x1000000 == 0x1000000 accept.*ufw'
	for tables in iptables ip6tables; do
		r $tables -I INPUT -m mark --mark 0x1000000/0x1000000 -j ACCEPT
	done
	ok "$hook: which works" steering $SERVER4 $SERVER6
	unlike "$hook: status no longer reports it" "$(ids --probe)" input-filter
	do_ok "$hook: detach" loader detach --all
	for tables in iptables ip6tables; do
		r $tables -P INPUT ACCEPT
		r $tables -P FORWARD ACCEPT
		r $tables -F
		r $tables -X # else it takes itself for started
	done
done
finish
