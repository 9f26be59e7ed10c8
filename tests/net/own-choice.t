#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Whose traffic the rules take: by user, group and cgroup; never that of the proxy, of this host to
# itself, or of other network namespaces.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
own_up --ports $PORT,udp/$PORT

as() { # UID GID FAMILY STEP…
	app setpriv --reuid "$1" --regid "$2" --clear-groups "${PY[@]}" "${@:3}" 2>&1 | paste -sd' '
}
direct_flow() { # TEXT CMD…
	is "TCP: $1" "$("${@:2}" tcp4 "connect=$SERVER4:$PORT" say)" "$(around)"
	is "UDP: $1" "$("${@:2}" udp4 "ask=$SERVER4:$PORT")" "$(around)"
	is "UDP, connected: $1" "$("${@:2}" udp4 "connect=$SERVER4:$PORT" say)" "$(around)"
	is "TCP, IPv6: $1" "$("${@:2}" tcp6 "connect=[$SERVER6]:$PORT" say)" "$(around $ROUTER6)"
	is "UDP, IPv6: $1" "$("${@:2}" udp6 "ask=[$SERVER6]:$PORT")" "$(around $ROUTER6)"
}
proxied() {
	is "TCP: $1" "$("${@:2}" tcp4 "connect=$SERVER4:$PORT" say)" "$(through $SERVER4 $PORT)"
	is "UDP: $1" "$("${@:2}" udp4 "ask=$SERVER4:$PORT")" "$(through $SERVER4 $PORT)"
	is "TCP, IPv6: $1" "$("${@:2}" tcp6 "connect=[$SERVER6]:$PORT" say)" "$(through $SERVER6 $PORT)"
	is "UDP, IPv6: $1" "$("${@:2}" udp6 "ask=[$SERVER6]:$PORT")" "$(through $SERVER6 $PORT)"
}
within() { in_cgroup "$1" "${PY[@]}" "${@:2}" 2>&1 | paste -sd' '; }

# --- users and groups: rules of the mask 1 are for some ids ---
proxied "an ordinary user" as 1234 1234
own owner uid any 0xfffffffffffffffe
own owner uid 1000/56 0xffffffffffffffff # 768…1023
own owner uid 5000 0xffffffffffffffff
proxied "a user of the range" as 1000 1
proxied "the user that is named" as 5000 1
direct_flow "another user" as 1024 1
direct_flow "root" as 0 0
own owner uid any 0xffffffffffffffff
own owner gid any 0xfffffffffffffffe
own owner gid 77 0xffffffffffffffff
proxied "a group" as 5000 77
direct_flow "another group" as 5000 78
own owner gid any 0xffffffffffffffff

# --- cgroups ---
own owner cgroup any 0xfffffffffffffffe
direct_flow "no cgroup is named" within app
own owner cgroup "$(r "$OWN" id "$CGROUP/app")" 0xffffffffffffffff
proxied "the cgroup that is named" within app
proxied "a cgroup below" within app/inner
own owner cgroup any 0xffffffffffffffff
own owner cgroup "$(r "$OWN" id "$CGROUP/app")" 0xffffffffffffffff
own exclude "$CGROUP/app/inner"
direct_flow "a cgroup that is excluded" within app/inner
proxied "the one above" within app

# --- processes of this namespace that are not below the cgroup of the hooks, as containers of --net=host ---
outside() { r "${PY[@]}" "$@" 2>&1 | paste -sd' '; }
direct_flow "outside of the cgroup of the hooks" outside

# --- the proxy itself ---
direct_flow "the cgroup of the proxy" within proxy
own set relay-mark 0x99
is "TCP: the mark of the proxy" "$(sock tcp4 mark=0x99 "connect=$SERVER4:$PORT" say)" "$(around)"
is "UDP: the mark of the proxy" "$(sock udp4 mark=0x99 "ask=$SERVER4:$PORT")" "$(around)"
is "TCP, IPv6: the mark of the proxy" "$(sock tcp6 mark=0x99 "connect=[$SERVER6]:$PORT" say)" "$(around $ROUTER6)"
is "UDP, IPv6: the mark of the proxy" "$(sock udp6 mark=0x99 "ask=[$SERVER6]:$PORT")" "$(around $ROUTER6)"
is "TCP: another mark" "$(sock tcp4 mark=0x98 "connect=$SERVER4:$PORT" say)" "$(through $SERVER4 $PORT)"

# --- a mark that an application sets itself proves nothing ---
own_reset
is "UDP: a forged mark" "$(sock udp4 mark=$OWN_MARK "ask=$SERVER4:$OTHER")" "$(around)"
is "UDP, IPv6: a forged mark" "$(sock udp6 mark=$OWN_MARK "ask=[$SERVER6]:$OTHER")" "$(around $ROUTER6)"
is "TCP: a forged mark is cleared" "$(sock tcp4 mark=$OWN_MARK "connect=$SERVER4:$OTHER" getmark say)" "0x0 $(around)"
in_proxy() { within proxy "$@"; }
is "TCP: a forged mark in an excluded cgroup" \
	"$(in_proxy tcp4 "bind=$ROUTER4" mark=$OWN_MARK "connect=$SERVER4:$OTHER" say)" "$(around)"

# --- addresses of this host, with a rule for every destination ---
serve_run own-local "$ROUTER" python3 "$LIB/own_peer.py" direct $PORT
ok "a service of this host starts" wait_for 60 grep -q ready "$WORK/log/own-local"
local_answers() { # FAMILY ADDRESS
	is "TCP to $2" "$(sock "tcp$1" "connect=$(at "$2" $PORT)" say)" "direct $2 2"
	is "UDP to $2" "$(sock "udp$1" "ask=$(at "$2" $PORT)" "connect=$(at "$2" $PORT)" say)" "direct $2 2 direct $2 2"
}
local_answers 4 127.0.0.1
local_answers 6 ::1
local_answers 4 $ROUTER4
local_answers 6 $ROUTER6
is "UDP: no application sends to a token itself" "$(sock udp4 ask=127.128.0.1:$PORT)" EPERM
is "UDP, IPv6: no application sends to a token itself" \
	"$(sock udp6 "ask=[${TOKENS6%::/*}::1]:$PORT")" EPERM
is "TCP: the addresses of tokens belong to lo" \
	"$(sock tcp4 connect=127.128.0.1:$PORT say)" "direct $ROUTER4 2"

# a new address that nobody has noted yet
r ip addr add 10.77.2.50/24 dev r1
r ip addr add fd77:2::50/64 dev r1 nodad
like "TCP to a new address" "$(sock tcp4 connect=10.77.2.50:$PORT say)" "^direct "
like "UDP to a new address" "$(sock udp4 ask=10.77.2.50:$PORT connect=10.77.2.50:$PORT say)" "^direct .* direct "
like "TCP to a new address, IPv6" "$(sock tcp6 "connect=[fd77:2::50]:$PORT" say)" "^direct "
like "UDP to a new address, IPv6" \
	"$(sock udp6 "ask=[fd77:2::50]:$PORT" "connect=[fd77:2::50]:$PORT" say)" "^direct .* direct "
for text in "TCP 4: ECONNREFUSED tcp4 connect=192.0.2.1:$PORT" "TCP 6: ECONNREFUSED tcp6 connect=[2001:db8::1]:$PORT" \
	"UDP 4: ECONNREFUSED udp4 connect=192.0.2.1:$PORT say" "UDP 6: ECONNREFUSED udp6 connect=[2001:db8::1]:$PORT say"; do
	read -r -a words <<<"${text#*: }"
	is "no route to the destination: ${text%%: *}" "$(sock "${words[@]:1}")" "${words[0]}"
done

# --- another network namespace, whose processes are in the cgroup ---
elsewhere() {
	# shellcheck disable=SC2016
	nsenter --net="/run/netns/$CLIENT" -- sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$CGROUP/app" \
		"${PY[@]}" "$@" 2>&1 | paste -sd' '
}
is "TCP: another namespace" "$(elsewhere tcp4 "connect=$GATE4:$PORT" say getmark)" "direct $CLIENT4 2 0x0"
is "UDP: another namespace" "$(elsewhere udp4 "ask=$GATE4:$PORT")" "direct $CLIENT4 2"
is "UDP, IPv6: another namespace" "$(elsewhere udp6 "ask=[$GATE6]:$PORT")" "direct $CLIENT6 2"
own_down
finish
