#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Addresses of the router that lead to servers: TCP and UDP, both families, beside direct flows to
# the same ports, from an attached interface and from the router itself.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/udp.sh"

POOL4=10.77.1.101 POOL6=fd77:1::101 # on the router's r0
ROUTED4=10.77.9.7                   # in a prefix that is only routed to it

prepare nginx dns sshd
serve_peer echo 7007
serve_sshd "$ROUTER" || fatal "sshd starts on the router"
ip -n "$ROUTER" addr add $POOL4/32 dev r0
ip -n "$ROUTER" addr add $POOL6/128 dev r0 nodad
ip -n "$ROUTER" route add local 10.77.9.0/24 dev lo
snapshot >"$WORK/before"

cat >"$WORK/pools.conf" <<-CONF
	[loader]
	interfaces = r0
	[rule web]
	to    = 10.77.2.0/24 fd77:2::/64
	ports = 22 80 udp/53
	[pool gate]
	$POOL4 = $SERVER4:22          ; the same port
	$POOL6 = [$SERVER6]:22
	$POOL4:8000 = $SERVER4:80
	[$POOL6]:8000 = [$SERVER6]:80
	$POOL4:53 = $SERVER4:53
	[pool more]
	[$POOL6]:53 = [$SERVER6]:53
	$POOL4:7000 = $SERVER4:7007
	[$POOL6]:7000 = [$SERVER6]:7007
	$ROUTED4:80 = $EXTRA4:80
	$POOL4:81 = 127.0.0.1:15002   ; the relay itself
	$POOL4:82 = $ROUTER4:22       ; a service of the router's own
CONF
sed '/^\[pool/,$d' "$WORK/pools.conf" >"$WORK/none.conf"
sed '/:8000/d' "$WORK/pools.conf" >"$WORK/fewer.conf"

do_ok "check" loader check "$WORK/pools.conf"
do_ok "apply" loader apply "$WORK/pools.conf"
do_ok "there is no difference to the file" loader diff "$WORK/pools.conf"
loader save >"$WORK/saved.conf"
do_ok "there is no difference to what save writes" loader diff "$WORK/saved.conf"
is "status names every address" "$(loader -j status | json_value "len(o['pools'])")" 11
like "with its server" "$(loader -j status | json_value "[p['value'] for p in o['pools']]")" \
	"'$(escaped "$ROUTED4:80 = $EXTRA4:80")'"

like "test knows them" "$(loader test tcp $CLIENT4 $POOL4:8000)" "an address of a pool"
is "IPv6 too, in a file" "$(loader -j test --config "$WORK/pools.conf" udp $CLIENT6 "[$POOL6]:53" |
	json_value "o['verdict']")" pool
is "another port is this host's" \
	"$(loader -j test tcp $CLIENT4 $POOL4:23 | json_value "o['verdict']")" none

# --- without the relay: nobody else gets the flows ---
is "without the relay a pool's address refuses" "$(cpy probe $POOL4 22)" refused
is "IPv6 too" "$(cpy probe $POOL6 22)" refused
nok "which is counted" test "$(counter pool_down)" = 0
is "the router's sshd answers at its other addresses" "$(cpy probe $GATE4 22)" "connected data"

ok "the relay starts" relay_start -c "$WORK/pools.conf"
ok "direct flows go through it" steering $SERVER4 $SERVER6
bypass_reset

# --- from the client ---
check() { # CLIENT POOL SERVER ROUTER-ADDRESS
	# shellcheck disable=SC2016 # the far end expands it
	is "ssh to $2 ends at the server" \
		"$(ssh_to "$2" 'echo $SSH_CONNECTION' | cut -d' ' -f1,3,4)" "$4 $3 22"
	ok "the record names the pool's address and the server" relay_says \
		"-> $(escaped "$(bracket "$2")"):22 for $(escaped "$(bracket "$3")"):22 .*end="
	# shellcheck disable=SC2016
	is "ssh to the server itself, on the same port" \
		"$(ssh_to "$3" 'echo $SSH_CONNECTION' | cut -d' ' -f1,3,4)" "$4 $3 22"
	is "HTTP on another port" "$(whoami_at "$2" 8000 | cut -d' ' -f1)" "$4"
	is "a page is whole" "$(c curl -gsS -m 8 "http://$(bracket "$2"):8000/small" | sha256sum)" \
		"$(sha256sum <"$WORK/www/small")"
	is "DNS over UDP" "$(dig_at "$2" test.tproxy A)" 10.77.2.200
	is "DNS over TCP" "$(dig_at "$2" +tcp test.tproxy A)" 10.77.2.200
	like "the answer is from the pool's address" "$(c dig +tries=2 +time=3 "@$2" test.tproxy A)" \
		"SERVER: $(escaped "$2")#53"
	is "DNS at the server itself" "$(dig_at "$3" test.tproxy A)" 10.77.2.200
	ok "the record of UDP names both" wait_for 40 grep -Eq -- \
		"udp .* -> $(escaped "$(bracket "$2")"):53 for $(escaped "$(bracket "$3")"):53 " "$RELAY_LOG"
	lossless "a busy flow of datagrams" 20000 \
		"$(flow "$2" 7000 count=20000 size=200 window=64 port=5001)"
	is "has a socket of its own" "$(direct_sockets "$2" 7000)" 1
	is "a port that is not in the pool is the router's own" "$(cpy probe "$2" 80)" refused
}

check $CLIENT4 $POOL4 $SERVER4 $ROUTER4
check $CLIENT6 $POOL6 $SERVER6 $ROUTER6
is "an address of a prefix that is routed here" "$(whoami_at $ROUTED4 | cut -d' ' -f1)" $ROUTER4
is "the relay's own listener is refused" "$(cpy probe $POOL4 81)" "connected reset"
ok "with the reason" relay_says "-> $(escaped "$POOL4"):81 for .*reason=own-listener"
is "a service of the router's own may be named" "$(cpy probe $POOL4 82)" "connected data"
# shellcheck disable=SC2016
is "the router's other addresses keep their services" \
	"$(ssh_to $GATE4 'echo $SSH_CONNECTION' | cut -d' ' -f3)" $GATE4
bypass_none "no packet went past the relay"

# tproxy_ingress asks the socket table for each of their packets, too: that is not to count.
before=$(counter pool)
for i in {1..10}; do
	whoami_at $POOL4 8000 >/dev/null || tap_comment <<<"connection $i failed"
done
is "ten connections count ten times" $(($(counter pool) - before)) 10

# --- from the router itself ---
is "the router's own users get there too" \
	"$(r curl -gsS -m 8 "http://$POOL4:8000/whoami" | cut -d' ' -f1)" $ROUTER4
is "by IPv6" "$(r curl -gsS -m 8 "http://[$POOL6]:8000/whoami" | cut -d' ' -f1)" $ROUTER6
is "and by UDP" "$(r dig +short +tries=3 +time=3 "@$POOL4" test.tproxy A)" 10.77.2.200

# --- changes ---
do_ok "apply without one service" loader apply "$WORK/fewer.conf"
is "it is gone for new flows" "$(cpy probe $POOL4 8000)" refused
is "the others stay" "$(ssh_to $POOL4 echo hello)" hello
try loader diff "$WORK/pools.conf"
like "diff shows it" "$OUT" "pool gate: \\+ $(escaped "$POOL4:8000 = $SERVER4:80")"
do_ok "rollback" loader rollback
is "brings it back" "$(whoami_at $POOL4 8000 | cut -d' ' -f1)" $ROUTER4

# a rule before the others takes a generation of its own
do_ok "a rule is put first" loader rule add first --ports 9999 --before web
is "which leaves the pools alone" "$(whoami_at $POOL4 8000 | cut -d' ' -f1)" $ROUTER4
do_ok "and disappears again" loader rule del first

# the server may see the client
relay_stop
ok "a relay that borrows the client's address" relay_start -c "$WORK/pools.conf" --source client-ip
do_ok "the servers' side" loader attach r1 --divert-only
ok "is registered" wait_for 10 recorded $SERVER4
is "the server sees the client through the pool" "$(whoami_at $POOL4 8000 | cut -d' ' -f1)" $CLIENT4
is "by IPv6" "$(whoami_at $POOL6 8000 | cut -d' ' -f1)" $CLIENT6
is "and by UDP" "$(dig_at $POOL4 test.tproxy A)" 10.77.2.200

# the relay reads its pools again: until it does, it refuses what it does not know
relay_stop
ok "a relay without pools" relay_start -c "$WORK/none.conf"
ok "is registered" steering $SERVER4
is "it refuses the router's own address" "$(cpy probe $POOL4 22)" "connected reset"
cp "$WORK/pools.conf" "$WORK/none.conf"
kill -HUP "$RELAY_PID"
reaches() { [[ $(ssh_to "$POOL4" echo hello) == hello ]]; }
ok "until SIGHUP" wait_for 20 reaches

sed '/^\[pool/,$d' "$WORK/pools.conf" >"$WORK/without.conf"
do_ok "apply without pools" loader apply "$WORK/without.conf"
# shellcheck disable=SC2016
is "the router's own sshd answers there now" \
	"$(ssh_to $POOL4 'echo $SSH_CONNECTION' | cut -d' ' -f3)" $POOL4
do_ok "detach" loader detach --all
unchanged "nothing is left" "$WORK/before"

# --- without any interface: all that is needed is sk_lookup ---
sed '1,/^\[pool/ { /^\[pool/!d }' "$WORK/pools.conf" >"$WORK/only.conf"
do_ok "apply of pools alone" loader apply "$WORK/only.conf"
served() { [[ $(whoami_at "$POOL4" 8000) == "$ROUTER4 "* ]]; }
ok "ends at the server" wait_for 20 served
nok "the other flows are not touched" test "$(seen $SERVER4)" = relay
relay_stop
do_ok "detach" loader detach --all
# shellcheck disable=SC2016
is "the router's own sshd is back" "$(ssh_to $POOL4 'echo $SSH_CONNECTION' | cut -d' ' -f3)" $POOL4
unchanged "nothing is left" "$WORK/before"
finish
