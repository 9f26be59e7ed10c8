#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Rule sets for a host's own traffic, in iptables and as import translates them: the same sockets of
# the same users are proxied, and the others go directly.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
command -v iptables-save >/dev/null || fatal "iptables is installed"
own_up --ports $PORT

ACTORS=0:0,111:7,1500:1500
TO4=$SERVER4:$PORT,$SERVER4:$OTHER,$EXTRA4:$PORT,$EXTRA4:$OTHER
TO6="[$SERVER6]:$PORT,[$SERVER6]:$OTHER,[$EXTRA6]:$PORT"
cp "$LIB/own_matrix.py" "$WORK/own_matrix.py"

# matrix CGROUP TARGETS
matrix() {
	in_cgroup "$1" "${PY[0]}" "$WORK/own_matrix.py" $ACTORS "$2" 2>&1 | sed "s|^|$1 |"
}
# a proxy's own socket
marked() { echo "mark 0xff $(app "${PY[@]}" tcp4 mark=255 connect=$SERVER4:$PORT say 2>&1 | cut -d' ' -f1)"; }
outcomes() { matrix app "$TO" && matrix app/inner "$TO" && marked; }

nothing() {
	printf '[loader]\ninterfaces = r0\n[rule nothing]\nports = 1\naction = pass\n' >"$WORK/nothing.conf"
	loader apply "$WORK/nothing.conf"
}

# routes 4|6… add|del — as the guides have them
routes() {
	local family

	for family in ${FAMILIES:-4}; do
		r ip "-$family" rule "$1" fwmark 1 lookup 100 pref 500
		r ip "-$family" route "$1" local default dev lo table 100
	done
}
flush() {
	local tables table

	for tables in iptables ip6tables; do
		for table in mangle nat; do
			r $tables -t $table -F && r $tables -t $table -X
		done
	done
}
saved() { r iptables-save && { [[ ${FAMILIES-} != *6* ]] || r ip6tables-save; }; }

# same NAME — standard input: commands of iptables, without their first word
same() {
	local name=$1 words
	TO=$TO4
	[[ ${FAMILIES-} != *6* ]] || TO=$TO4,$TO6

	while read -ra words; do
		[[ -z ${words[*]} ]] || r "${words[@]}" || fatal "$name: ${words[*]}"
	done
	routes add
	outcomes >"$WORK/$name.before"
	saved >"$WORK/$name.save"
	flush
	routes del
	try loader import "$WORK/$name.save"
	like "$name: import" "$RC" '^[04]$'
	unlike "$name: each line is translated" "$OUT" 'NOT TRANSLATED'
	printf '%s\n' "$OUT" >"$WORK/$name.conf"
	grep -q '^interfaces' "$WORK/$name.conf" ||
		sed -i 's/^\[loader\]$/&\ninterfaces = r0/' "$WORK/$name.conf"
	do_ok "$name: apply" loader apply "$WORK/$name.conf"
	outcomes >"$WORK/$name.after"
	ok "$name: the same outcomes" diff "$WORK/$name.before" "$WORK/$name.after"
	like "$name: some are proxied" "$(<"$WORK/$name.before")" ' proxy'
	like "$name: some are not" "$(<"$WORK/$name.before")" ' direct'
	do_ok "$name: done" nothing
}

do_ok "no rule for own traffic" nothing

same redsocks <<END
iptables -t nat -N REDSOCKS
iptables -t nat -A OUTPUT -p tcp -j REDSOCKS
iptables -t nat -A REDSOCKS -d 127.0.0.0/8 -j RETURN
iptables -t nat -A REDSOCKS -d 10.77.3.0/24 -j RETURN
iptables -t nat -A REDSOCKS -m owner --uid-owner 111 -j RETURN
iptables -t nat -A REDSOCKS -p tcp -j REDIRECT --to-ports $PROXY_PORT
END

same tor <<END
iptables -t nat -A OUTPUT -d 10.77.3.0/24 -p tcp --syn -j REDIRECT --to-ports $PROXY_PORT
iptables -t nat -A OUTPUT -m owner --uid-owner 111 -j RETURN
iptables -t nat -A OUTPUT -d 127.0.0.0/8 -j RETURN
iptables -t nat -A OUTPUT -d 10.77.2.1 -j RETURN
iptables -t nat -A OUTPUT -p tcp --syn -j REDIRECT --to-ports $PROXY_PORT
END

same squid <<END
iptables -t nat -A OUTPUT -p tcp --dport $PORT -m owner ! --uid-owner 111 -j REDIRECT --to-ports $PROXY_PORT
iptables -t nat -A OUTPUT -p tcp --dport $OTHER -m owner --gid-owner 7 -j ACCEPT
iptables -t nat -A OUTPUT -p tcp --dport $OTHER -m owner --uid-owner 1-1000 -j DNAT --to-destination 127.0.0.1:$PROXY_PORT
iptables -t nat -A OUTPUT -p tcp --dport $OTHER -m owner --gid-owner 1000-2000 -j REDIRECT --to-ports $PROXY_PORT
END

same sidecar <<END
iptables -t nat -N ISTIO_OUTPUT
iptables -t nat -N ISTIO_REDIRECT
iptables -t nat -A OUTPUT -j ISTIO_OUTPUT
iptables -t nat -A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 111 -j RETURN
iptables -t nat -A ISTIO_OUTPUT -m owner --uid-owner 111 -j RETURN
iptables -t nat -A ISTIO_OUTPUT -m owner --gid-owner 1500 -j RETURN
iptables -t nat -A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN
iptables -t nat -A ISTIO_OUTPUT -p tcp -j ISTIO_REDIRECT
iptables -t nat -A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports $PROXY_PORT
END

v2ray() { # ip[6]tables NETWORK
	cat <<-END
		$1 -t mangle -N DIVERT
		$1 -t mangle -A DIVERT -j MARK --set-mark 1
		$1 -t mangle -A DIVERT -j ACCEPT
		$1 -t mangle -N IN
		$1 -t mangle -N OUT
		$1 -t mangle -A PREROUTING -m addrtype --dst-type LOCAL -j RETURN
		$1 -t mangle -A PREROUTING -p tcp -m socket --transparent -j DIVERT
		$1 -t mangle -A PREROUTING -j IN
		$1 -t mangle -A IN -d $2 -p tcp -j RETURN
		$1 -t mangle -A IN -d $2 -p udp ! --dport $OTHER -j RETURN
		$1 -t mangle -A IN -m mark --mark 0xff -j RETURN
		$1 -t mangle -A IN -p udp -j TPROXY --on-port $PROXY_PORT --tproxy-mark 1
		$1 -t mangle -A IN -p tcp -j TPROXY --on-port $PROXY_PORT --tproxy-mark 1
		$1 -t mangle -A OUTPUT -m addrtype --dst-type LOCAL -j RETURN
		$1 -t mangle -A OUTPUT -m addrtype ! --dst-type UNICAST -j RETURN
		$1 -t mangle -A OUTPUT -m conntrack --ctdir REPLY -j RETURN
		$1 -t mangle -A OUTPUT -j OUT
		$1 -t mangle -A OUT -d $2 -p tcp -j RETURN
		$1 -t mangle -A OUT -d $2 -p udp ! --dport $OTHER -j RETURN
		$1 -t mangle -A OUT -m mark --mark 0xff -j RETURN
		$1 -t mangle -A OUT -m owner --uid-owner 111 -j RETURN
		$1 -t mangle -A OUT -p udp -j MARK --set-mark 1
		$1 -t mangle -A OUT -p tcp -j MARK --set-mark 1
	END
}
FAMILIES="4 6" same v2ray < <(v2ray iptables 10.77.3.0/24 && v2ray ip6tables fd77:3::/64)
like "v2ray: what the proxy marks is its own" "$(<"$WORK/v2ray.after")" 'mark 0xff direct'

same cgroups <<END
iptables -t mangle -A PREROUTING -i lo -p tcp -m mark --mark 1 -j TPROXY --on-port $PROXY_PORT --tproxy-mark 1
iptables -t mangle -A PREROUTING -i lo -p udp -m mark --mark 1 -j TPROXY --on-port $PROXY_PORT --tproxy-mark 1
iptables -t mangle -A OUTPUT -p tcp --dport $PORT -m cgroup ! --path ${CGROUP#"$CGROUPS/"}/app/inner -j MARK --set-mark 1
iptables -t mangle -A OUTPUT -p udp --dport $OTHER -m cgroup --path ${CGROUP#"$CGROUPS/"}/app/inner -m owner --uid-owner 0-999 -j MARK --set-mark 1
END

# marks that chains set, ask for, save and restore; a goto; a return that more lines follow
same chains <<END
iptables -t mangle -A PREROUTING -i lo -m connmark --mark 0x30 -j RETURN
iptables -t mangle -A PREROUTING -i lo -p tcp -m mark --mark 1 -j TPROXY --on-port $PROXY_PORT --tproxy-mark 1
iptables -t mangle -A PREROUTING -i lo -p udp -m mark --mark 1/1 -j TPROXY --on-port $PROXY_PORT --tproxy-mark 1/1
iptables -t mangle -N USERS
iptables -t mangle -N SERVERS
iptables -t mangle -N LAST
iptables -t mangle -A OUTPUT -m owner --uid-owner 111 -j USERS
iptables -t mangle -A OUTPUT -p udp -g SERVERS
iptables -t mangle -A OUTPUT -p tcp --dport $PORT -j SERVERS
iptables -t mangle -A OUTPUT -m mark --mark 0x10 -j MARK --set-mark 1
iptables -t mangle -A USERS -d $SERVER4 -j RETURN
iptables -t mangle -A USERS -j ACCEPT
iptables -t mangle -A SERVERS -d $EXTRA4 -p tcp -j MARK --set-mark 0x10
iptables -t mangle -A SERVERS -d $SERVER4 -p udp --dport $OTHER -j LAST
iptables -t mangle -A LAST -m owner --gid-owner 7 -j RETURN
iptables -t mangle -A LAST -j MARK --or-mark 1
END

own_down
finish
