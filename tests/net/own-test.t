#!/usr/bin/env bash
# test --local says who is left alone and why, and what is in the way of own traffic.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/schema.sh"
. "$(dirname "$0")/../lib/own.sh"

OWN_BIND=loopback # else clients could dial it
FLOW=(tcp "$ROUTER4:40000" "$SERVER4:$PORT")

# asked FLOW… — asks as an application, and keeps the answer
asked() {
	app "$LOADER" -n "$ROUTER" -j test --local "$@" >"$WORK/answer"
	RC=$?
}
value() { json_value "o.get('$1')" <"$WORK/answer"; }
answers() { # TEXT "VERDICT REASON EXIT"
	is "$1" "$(value verdict) $(value reason) $RC" "$2"
	ok "$1: the answer is valid" valid_json test "$WORK/answer"
}

prepare
own_up --ports "$PORT,udp/$PORT" --to all
asked "${FLOW[@]}"
answers "a rule takes it" "proxy rules 0"
asked tcp "$SERVER4:$PORT"
answers "without a source" "proxy rules 0"
asked udp "[$SERVER6]:$PORT"
answers "without a source, IPv6" "proxy rules 0"
refuses "no port" 2 "not a port number" loader test --local tcp $SERVER4
refuses "no flow" 2 "which flow\? \(test --local tcp 198.51.100.1:22\)" loader test --local tcp
refuses "as a flow that enters" 2 "the source is an address of this host.*--local" loader test "${FLOW[@]}"
asked tcp "$ROUTER4:40000" "$ROUTER4:$PORT"
answers "an address of this host" "local rules 6"

ok "an excluded cgroup" own exclude "$CGROUP/app"
asked "${FLOW[@]}"
answers "its sender is left alone" "none excluded 6"
is "and the rule is named" "$(app "$LOADER" -n "$ROUTER" test --local "${FLOW[@]}")" \
	"in lo: rule default would take it, but its sender is in a cgroup that is left alone"
own_attach_again() { own_detach && own_attach; }
ok "maps without entries" own_attach_again

ok "another rule" own_rule "proxy = $PROXY_PORT" "ports = $PORT" "uid = 4711"
asked "${FLOW[@]}"
answers "the rule is for others" "none owner 6"
asked --uid 4711 "${FLOW[@]}"
answers "for them it is taken" "proxy rules 0"

r nft -f - <<-NFT
	table ip strict {
		chain in { type filter hook input priority 0; iif lo ip saddr != 127.0.0.0/8 drop; }
	}
NFT
asked --uid 4711 "${FLOW[@]}"
answers "a packet filter is in the way" "proxy rules 5"
like "and is named" "$(value problems)" own-filtered
ok "without it" r nft delete table ip strict
ok "no rule of routing" r ip rule del iif lo fwmark $OWN_MARK/$OWN_MARK
asked --uid 4711 "${FLOW[@]}"
answers "it would not arrive" "proxy rules 5"
like "by routing" "$(value problems)" own-rule-missing
own_proxy_stop
asked --uid 4711 "${FLOW[@]}"
like "no listener" "$(value listener) $RC" "False 5"

own_down
finish
