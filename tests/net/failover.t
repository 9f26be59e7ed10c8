#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Several upstreams: new flows take the first one that works, whether a check or a flow finds out.
# If none works they are refused, and never sent directly unless `direct` is listed.
. "$(dirname "$0")/../lib/test.sh"

# The servers see which proxy a flow took.
FIRST=10.77.3.11 SECOND=10.77.3.12 OTHER=10.77.4.1
URLS="socks5://$SERVER4:1080, socks5://user:secret@$SERVER4:1081"
declare -A PID

proxy_start() { # PORT ADDRESS [ARG…]
	serve_run "socks$1" "$SERVER" microsocks -i "$SERVER4" -p "$1" -b "$2" "${@:3}"
	PID[$1]=${SERVE_PIDS[-1]}
	wait_for 10 listening "$SERVER" tcp "$1"
}
first_start() { proxy_start 1080 "$FIRST"; }
second_start() { proxy_start 1081 "$SECOND" -u user -P secret; }
proxy_stop() { # PORT
	stop "${PID[$1]}" KILL
	wait_for 10 process_gone "${PID[$1]}"
}
by() {
	local seen

	seen=$(whoami_at "${1:-$OTHER}" 2>/dev/null)
	echo "${seen% *}"
}
is_by() { [[ $(by) == "$1" ]]; }
by_squid() { is_by "$ROUTER4" && grep -q "$OTHER" "$WORK/squid/access"; }
config() { # LINE…
	printf '[egress proxied]\nto = 10.77.4.0/24\n' >"$WORK/conf"
	printf '%s\n' "$@" >>"$WORK/conf"
}
refused() { # REASON
	is "a flow is reset" "$(cpy probe $OTHER 80)" "connected reset"
	ok "its record says why" relay_says "$(record tcp $CLIENT4 $OTHER 80 ".*end=refused reason=$1")"
}

prepare nginx
for address in $FIRST $SECOND $OTHER; do s ip addr add "$address" dev lo; done
r ip route add 10.77.4.0/24 via $SERVER4
serve_run udp "$SERVER" python3 "$LIB/net.py" udp-at 7007 $OTHER $SERVER4
serve_run udpsocks "$SERVER" python3 "$LIB/socks5.py" 1090
wait_for 10 listening "$SERVER" udp 7007 || fatal "the UDP server starts"
ok "the first proxy starts" first_start
ok "the second proxy starts" second_start
do_ok "attach" loader attach r0 --ports 80,udp/7007 --to 10.77.2.0/24,10.77.4.0/24
bypass_reset

# ---- with checks ----

config "upstream = $URLS" "check = 1"
ok "a relay with checks starts" relay_start -c "$WORK/conf"
ok "flows take the first proxy" wait_for 10 is_by $FIRST
is "another destination is reached directly" "$(by $SERVER4)" $ROUTER4
proxy_stop 1080
ok "without a flow, the check finds out" relay_says "warn \[egress proxied\]: upstream socks5://$SERVER4:1080 is down: Connection refused"
is "flows take the second one" "$(by)" $SECOND
ok "the first proxy starts again" first_start
ok "the check finds out" relay_says "info \[egress proxied\]: upstream socks5://$SERVER4:1080 is up again"
is "flows take it again" "$(by)" $FIRST
freeze "${PID[1080]}"
ok "a proxy that does not answer is down, too" relay_says "upstream socks5://$SERVER4:1080 is down: Connection timed out"
is "flows take the second one" "$(by)" $SECOND
proxy_stop 1080
proxy_stop 1081
ok "both are down" relay_says "upstream socks5://$SERVER4:1081 is down"
refused upstream-down
is "datagrams are not sent directly" "$(cpy udp $OTHER 7007 10)" 0
ok "the record says why" relay_says "$(record udp $CLIENT4 $OTHER 7007 '.*end=refused reason=upstream-down')"
is "another destination is reached directly" "$(by $SERVER4)" $ROUTER4
ok "no password is in the log" relay_silent secret
ok "the second proxy starts again" second_start
ok "flows take it within seconds" wait_for 10 is_by $SECOND
config "upstream = socks5://$SERVER4:1080, direct" "check = 1"
ok "SIGHUP" relay_reload 'SIGHUP: lists'
ok "direct is listed: flows go directly" wait_for 10 is_by $ROUTER4
is "datagrams do, too" "$(cpy udp $OTHER 7007 10)" 1
relay_stop

# ---- without checks, flows find out ----

ok "the first proxy starts again" first_start
config "upstream = $URLS" "check = 0"
ok "a relay without checks starts" relay_start -c "$WORK/conf"
is "flows take the first proxy" "$(by)" $FIRST
proxy_stop 1080
is "the next flow takes the second one, and no flow fails" "$(by)" $SECOND
ok "the log says so" relay_says "upstream socks5://$SERVER4:1080 is down: Connection refused"
proxy_stop 1081
is "the last proxy fails under a flow" "$(cpy probe $OTHER 80)" "connected reset"
refused upstream-down
ok "both proxies start again" eval 'first_start && second_start'
ok "a later flow finds out" wait_for 30 is_by $FIRST
ok "the log says so" relay_says "upstream socks5://$SERVER4:1080 is up again"
relay_stop

# ---- kinds of proxies, and the keys of [relay] ----

serve_squid || fatal "squid starts"
cat >"$WORK/tinyproxy.conf" <<-CONF
	Port 8888
	Listen 0.0.0.0
	BasicAuth user secret
	LogFile "$WORK/log/tinyproxy"
	LogLevel Connect
CONF
serve_run tinyproxy "$SERVER" tinyproxy -d -c "$WORK/tinyproxy.conf"
serve_run mute "$SERVER" python3 "$LIB/net.py" late 1082
wait_for 10 listening "$SERVER" tcp 8888 || fatal "tinyproxy starts"
wait_for 10 listening "$SERVER" tcp 1082 || fatal "the mute proxy starts"
ok "a relay with options starts" relay_start --upstream "http://$ROUTER4:3128,socks5://$SERVER4:1090" --upstream-check 1
ok "flows take squid" wait_for 10 by_squid
ok "the check greets squid" wait_for 10 grep -q 'OPTIONS' "$WORK/squid/access"
is "datagrams take the SOCKS server" "$(cpy udp-who $OTHER 7007 | cut -d' ' -f1)" $OTHER
relay_stop
ok "a relay with tinyproxy starts" relay_start --upstream "http://user:secret@$SERVER4:8888" --upstream-check 1
ok "the check greets tinyproxy" wait_for 10 grep -q 'OPTIONS' "$WORK/log/tinyproxy"
is "flows take it" "$(by)" $OTHER
relay_stop
ok "a relay with a mute proxy starts" relay_start --connect-timeout 2 \
	--upstream "http://$SERVER4:1082,socks5://user:secret@$SERVER4:1081" --upstream-check 1
ok "flows take the one that speaks" wait_for 10 is_by $SECOND
relay_stop
ok "a relay with a wrong password starts" relay_start --upstream "socks5://user:wrong@$SERVER4:1081" --upstream-check 1
ok "the check says so" relay_says "\[relay\]: upstream socks5://$SERVER4:1081 is down: Permission denied \(new flows are refused"
refused upstream-down
relay_stop
bypass_none "no packet went past the relay"
finish
