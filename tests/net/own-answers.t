#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# UDP services of the router answer their clients although rules take its own datagrams to every address
# and port; what the same sockets send to others is for the proxy.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare dns
own_up --ports udp/1-65535

# service NAME CMD… — a service of the router, in the cgroup of its applications
service() {
	serve_run "$1" "$ROUTER" sh -c "echo \$\$ >$CGROUP/app/cgroup.procs; exec \"\$@\"" sh "${@:2}"
}
asks() { c "${PY[@]}" "$@" 2>&1 | paste -sd' '; }                 # the client
proxied() { grep -c ^datagram "$WORK/log/own-proxy"; }            # datagrams so far
router_names() { dig_at "$1" router.tproxy "$2" "${@:3}" | tail -n 1; } # ADDRESS TYPE

service router-dns dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --group= --pid-file= \
	--no-resolv --no-hosts --host-record=router.tproxy,10.77.9.9,fd77:9::9
ok "dnsmasq starts" wait_for 10 listening "$ROUTER" udp 53
service own-local python3 "$LIB/own_peer.py" direct $PORT
ok "a service that answers by other sockets starts" wait_for 60 grep -q ready "$WORK/log/own-local"

answered() { # TEXT
	for gate in $GATE4 $GATE6 $ROUTER4 $ROUTER6; do
		is "$1: DNS at $gate" "$(router_names "$gate" A)" 10.77.9.9
	done
	is "$1: another socket answers" "$(asks udp4 "ask=$GATE4:$PORT")" "direct $CLIENT4 2"
	is "$1: another socket answers, IPv6" "$(asks udp6 "ask=[$GATE6]:$PORT")" "direct $CLIENT6 2"
	is "$1: a client that is connected" "$(asks udp4 "connect=$ROUTER4:$PORT" say say)" \
		"direct $CLIENT4 2 direct $CLIENT4 2"
}
answered "proxy"
is "the proxy gets none of the answers" "$(proxied)" 0
like "they are counted" "$(counter own_answer)" "^[1-9]"
is "datagrams that begin a flow are for the proxy" "$(sock udp4 "ask=$CLIENT4:$PORT")" \
	"$(through $CLIENT4 $PORT)"
is "also to a name server" "$(sock udp4 "ask=$SERVER4:53" "ask=$SERVER4:53" "ask=$SERVER4:53")" \
	"$(through $SERVER4 53) $(through $SERVER4 53) $(through $SERVER4 53)"
is "also from the port of a service" "$(sock udp6 reuse "bind=[$ROUTER6]:6005" "ask=[$CLIENT6]:$PORT")" \
	"$(through $CLIENT6 $PORT)"

# --- one socket that is a service and a client ---
both() { # FAMILY GATE CLIENT SERVER
	local here there

	here=$(at "$2" 6000) there=$(at "$4" 9)
	app "${PY[@]}" "udp$1" "bind=$here" echo "ask=$there" echo "ask=$there" >"$WORK/both$1" 2>&1 &
	SERVE_PIDS+=($!)
	disown $!
	wait_for 10 listening "$ROUTER" udp 6000
	is "UDP $1: a client asks a socket" "$(asks "udp$1" "ask=$here")" "echo $3"
	ok "UDP $1: the socket asks a server" wait_for 10 grep -q . "$WORK/both$1"
	is "UDP $1: another client asks it" "$(asks "udp$1" "ask=$here")" "echo $3"
	ok "UDP $1: the socket asks again" wait_for 10 grep -q "9 .* 2$" <(tail -n 1 "$WORK/both$1")
	is "UDP $1: both questions go to the proxy" "$(paste -sd' ' "$WORK/both$1")" \
		"$(through "$4" 9 "$2") $(through "$4" 9 "$2")"
}
both 4 $GATE4 $CLIENT4 $SERVER4
both 6 $GATE6 $CLIENT6 $SERVER6

# --- a service that connects a socket to its client, as DTLS does ---
sock udp4 "bind=$ROUTER4:6000" echo >/dev/null &
wait_for 10 listening "$ROUTER" udp 6000
asks udp4 "bind=$CLIENT4:6001" "ask=$ROUTER4:6000" >/dev/null
wait $!
is "a socket that is connected to a client" \
	"$(sock udp4 "bind=$ROUTER4:6000" "connect=$CLIENT4:6001" getmark)" 0x0
is "and to another address" "$(sock udp4 "bind=$ROUTER4:6000" "connect=$CLIENT4:6002" getmark)" $OWN_MARK

# --- other actions concern flows that begin here, too ---
do_ok "a drop rule" own_rule "ports = udp/1-65535" "action = drop"
answered "drop"
is "datagrams that begin a flow are dropped" "$(sock udp4 "ask=$SERVER4:$OTHER")" EPERM
own_down
finish
