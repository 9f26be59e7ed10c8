#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The real rules of ufw, loaded by its own start-up script, drop intercepted flows in INPUT.
# status reports it, and the rule that it names lets the flows in.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/ufw.sh
. "$LIB/ufw.sh"

[[ -x /lib/ufw/ufw-init && -d /usr/share/ufw/iptables ]] ||
	skip_inside "ufw is not installed (scripts/deps installs it)"
command -v iptables >/dev/null || skip_inside "iptables is not installed"

ids() { loader -j status "$@" | json_value "sorted({p['id'] for p in o['problems']})"; }
shut() { [[ $(seen "$1") == nobody ]]; }

prepare nginx
ok "the relay starts" relay_start
for hook in clsact tcx; do
	try loader attach r0 --ports 80 --hook $hook
	[[ $RC -eq 0 ]] || continue
	ok "$hook: flows go through the relay" steering $SERVER4 $SERVER6
	is "$hook: nothing is wrong" "$(ids --probe)" "[]"
	ufw_tree DROP || fatal "ufw is copied"
	ufw_init
	ok "$hook: ufw is up" grep -q ufw-before-input <(r iptables -S INPUT)
	for to in $SERVER4 $SERVER6; do
		ok "$hook: $to is not reached" shut "$to"
	done
	is "$hook: status says why" "$(ids)" "['input-filter']"
	try loader attach r0 --probe
	is "$hook: attach --probe has remarks" $RC 4
	like "$hook: with the cure" "$ERR" 'meta mark & 0x1000000 == 0x1000000 accept.*ufw'
	ufw_accept
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
