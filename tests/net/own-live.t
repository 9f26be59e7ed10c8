#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Own traffic: flows that exist stay as they are when the hooks come and go, and follow another policy
# where they can. What nobody wants any more goes to the server, also on a host that does not forward.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

# flow NAME STEP… — a socket in the background that prints to $WORK/NAME.out
flow() {
	app "${PY[@]}" "${@:2}" >"$WORK/$1.out" 2>&1 &
	SERVE_PIDS+=($!)
	disown $!
}
said() { [[ $(paste -sd' ' "$WORK/$1.out") == "$2" ]]; } # NAME LINES
says() { # TEXT NAME LINES
	wait_for 10 said "$2" "$3"
	is "$1" "$(paste -sd' ' "$WORK/$2.out")" "$3"
}

prepare
own_up --ports $PORT,udp/$PORT --to 10.77.2.0/24,fd77:2::/64
own hooks off

flows_start() { # NAME WAIT-FILE
	flow "$1-tcp4" tcp4 "connect=$SERVER4:$PORT" say "wait=$2" say
	flow "$1-tcp6" tcp6 "connect=[$SERVER6]:$PORT" say "wait=$2" say
	flow "$1-udp4" udp4 "connect=$SERVER4:$PORT" say "wait=$2" say
	flow "$1-udp6" udp6 "connect=[$SERVER6]:$PORT" say "wait=$2" say
}
flows_say() { # TEXT NAME WORD TIMES
	local way=$3 name dst text family

	for name in tcp4 tcp6 udp4 udp6; do
		family=${name#???} dst=$SERVER4
		[[ $family == 4 ]] || dst=$SERVER6
		text=$(around "$(source_for $dst)")
		[[ $way == direct ]] || text=$(through $dst $PORT)
		[[ $4 == 1 ]] || text="$text $text"
		says "$1: $name" "$2-$name" "$text"
	done
}

# --- attach and detach ---
flows_start before "$WORK/attached"
flows_say "before attach" before direct 1
own hooks "$CGROUP"
touch "$WORK/attached"
flows_say "after attach, flows of before stay direct" before direct 2
flows_start during "$WORK/detached"
flows_say "attached" during proxy 1
own hooks off
touch "$WORK/detached"
flows_say "after the hooks have gone, proxied flows stay" during proxy 2
is "TCP: new ones are direct" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$(around)"
own hooks "$CGROUP"

# --- another policy ---
flows_start policy "$WORK/changed"
flows_say "one policy" policy proxy 1
do_ok "another policy" own_rule "ports = $PORT udp/$PORT" "action = pass"
touch "$WORK/changed"
says "TCP stays with its proxy" policy-tcp4 "$(through $SERVER4 $PORT) $(through $SERVER4 $PORT)"
says "TCP, IPv6, too" policy-tcp6 "$(through $SERVER6 $PORT) $(through $SERVER6 $PORT)"
says "connected UDP follows the policy" policy-udp4 "$(through $SERVER4 $PORT) $(around)"
says "connected UDP, IPv6, too" policy-udp6 "$(through $SERVER6 $PORT) $(around $ROUTER6)"
do_ok "and back" own_rule "ports = $PORT udp/$PORT" "to = 10.77.2.0/24 fd77:2::/64" "proxy = $PROXY_PORT"

# --- a proxy that dies ---
own_reset
flow dies tcp4 "connect=$SERVER4:$PORT" say "wait=$WORK/died" say
says "a connection" dies "$(through $SERVER4 $PORT)"
own_proxy_stop
ok "the proxy starts again" own_proxy
touch "$WORK/died"
wait_for 10 grep -qE 'ECONNRESET|EPIPE|^$' "$WORK/dies.out"
none_direct "no segment of a connection that the proxy has lost reaches the server"

# --- marked sockets, on a host that does not forward ---
r sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
OUT_INDEX=$(r ip -o link show r1 | cut -d: -f1)
own set out4 "$OUT_INDEX"
own set out6 "$OUT_INDEX"
is "no forwarding: TCP" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$(through $SERVER4 $PORT)"
is "no forwarding: UDP" "$(sock udp6 "ask=[$SERVER6]:$PORT" "connect=[$SERVER6]:$PORT" say)" \
	"$(through $SERVER6 $PORT) $(through $SERVER6 $PORT)"
is "no forwarding: a marked socket sends elsewhere" \
	"$(sock udp4 "connect=$SERVER4:$PORT" unconnect "ask=$SERVER4:$OTHER")" "$(around)"
is "no forwarding: a marked socket sends elsewhere, IPv6" \
	"$(sock udp6 "connect=[$SERVER6]:$PORT" unconnect "ask=[$SERVER6]:$OTHER")" "$(around $ROUTER6)"
own_down
finish
