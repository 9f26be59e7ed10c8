#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Own traffic without a proxy: refused at once, or direct, as on-proxy-down says. And rules with the
# other actions.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
own_up --ports $PORT,udp/$PORT --to 10.77.2.0/24,fd77:2::/64

# at_once TEXT WANTED NAME STEP… — sock; a refusal needs no packet
at_once() { is "$1" "$(sock "${@:3}" quick)" "$2 quick"; }

refused() { # TEXT WANTED
	local family dst

	own_reset
	for family in 4 6; do
		dst=$(at $SERVER4 $PORT)
		[[ $family == 4 ]] || dst=$(at $SERVER6 $PORT)
		at_once "$1: TCP $family" "$2" tcp$family "connect=$dst"
		at_once "$1: UDP $family, connected" "$2" udp$family "connect=$dst"
		at_once "$1: UDP $family" "$2" udp$family "ask=$dst"
		is "$1: UDP $family, not connected any more" \
			"$(sock udp$family "connect=$(at "${dst%:*}" $OTHER)" "ask=$dst")" "$2"
	done
	none_direct "$1: none of it reaches the server"
}
passed() { # TEXT
	is "$1: TCP 4" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$(around)"
	is "$1: UDP 4" "$(sock udp4 "ask=$SERVER4:$PORT" "connect=$SERVER4:$PORT" say)" "$(around) $(around)"
	is "$1: TCP 6" "$(sock tcp6 "connect=[$SERVER6]:$PORT" say)" "$(around $ROUTER6)"
	is "$1: UDP 6" "$(sock udp6 "ask=[$SERVER6]:$PORT" "connect=[$SERVER6]:$PORT" say)" \
		"$(around $ROUTER6) $(around $ROUTER6)"
}
relayed() { # TEXT
	is "$1: TCP 4" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$(through $SERVER4 $PORT)"
	is "$1: UDP 6" "$(sock udp6 "ask=[$SERVER6]:$PORT")" "$(through $SERVER6 $PORT)"
}

# rule KEY=VALUE… — another policy for the same flows
rule() {
	do_ok "rule: $*" own_rule "ports = $PORT udp/$PORT" "to = 10.77.2.0/24 fd77:2::/64" "$@"
}

relayed "with the proxy"
own_proxy_stop
refused "drop" ECONNREFUSED
rule proxy=$PROXY_PORT on-proxy-down=reset
refused "reset" ECONNREFUSED
rule proxy=$PROXY_PORT on-proxy-down=pass
passed "pass"
ok "the proxy starts again" own_proxy
relayed "with the proxy again"

rule action=drop
refused "a drop rule" EPERM
rule action=reset
refused "a reset rule" ECONNREFUSED
rule action=pass
passed "a pass rule"
own_down
finish
