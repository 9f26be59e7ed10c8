#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# trace shows each verdict with its reason and rule, for both families and protocols, for fragments and
# for ICMP errors; it follows programs that are replaced.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/schema.sh"
. "$(dirname "$0")/../lib/trace.sh"

prepare nginx echo
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/7007 --to 10.77.2.0/24,fd77:2::/64

# evil: a name that a hand has written into the map
NAME=(100 101 102 97 117 108 116) EVIL=(65 27 91 51 49 109 0)
rename_default() { # BYTE×7
	local value

	read -ra value < <(bpftool -j map lookup pinned "$PINS/rules" key 0 0 0 0 |
		python3 -c 'import json,sys; print(*[int(b,16) for b in json.load(sys.stdin)["value"]])')
	bpftool map update pinned "$PINS/rules" key 0 0 0 0 value "${value[@]:0:32}" "$@" "${value[@]:39}"
}

do_ok "a rule that drops" loader rule add shut --ports 81,udp/81 --action drop
do_ok "a rule that passes" loader rule add open --ports 82,udp/82 --action pass
for down in drop reset pass; do
	port=$((83 + $(wc -w <<<"${done_-}")))
	done_+=" $down"
	do_ok "a rule without a listener: $down" loader rule add "down-$down" --ports "$port,udp/$port" \
		--proxy 3999 --on-proxy-down "$down"
done
do_ok "a rule that audits" loader rule add watch --ports 8080 --action audit
# it accepts, and could never answer
serve_run opaque "$ROUTER" python3 "$LIB/listen.py" 3998 tcp 127.0.0.1
do_ok "a rule whose listener is not transparent" loader rule add opaque --ports 86 --proxy 3998
ok "it listens" wait_for 10 listening "$ROUTER" tcp 3998
ok "new flows go through the relay" steering $SERVER4 $SERVER6

# ---- every verdict ----

trace_start all || fatal "trace starts"
trace_start web --dst $SERVER4 --port tcp/80 || fatal "trace starts"
trace_start none r0 --src 10.77.9.0/24 || fatal "trace starts"
for port in 81 82 83 84 85 86 9999; do
	c python3 "$LIB/trace.py" start 0.3 $port $SERVER4 $SERVER6
done
for to in $SERVER4 $SERVER6; do
	c curl -gsS -m 20 -o "$WORK/page" "http://$(bracket "$to")/" || fatal "a page of $to"
	is "4000 bytes to $to and back" "$(cpy udp "$to" 7007 4000 1)" 1
	c ping -c 1 -W 5 "$to" >/dev/null
done
# of an ICMP error about a flow of the relay
c sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
loader port add tcp/7007
for to in $SERVER4 $SERVER6; do
	serve_run "narrow-$to" "$CLIENT" python3 "$LIB/corner.py" pmtu "$to" 7007 1300 "$WORK/go-$to"
done
ok "an ICMP error is shown" traced_soon all proto=icmp reasons=icmp_owned
ok "and one of IPv6" traced_soon all proto=icmpv6 reasons=icmp_owned
touch "$WORK"/go-{$SERVER4,$SERVER6}
for to in $SERVER4 $SERVER6; do
	c curl -gsS -m 20 -o "$WORK/page" "http://$(bracket "$to"):8080/" || fatal "a page of $to, audited"
done
do_ok "test asks about a flow" loader test tcp $CLIENT4:50123 $SERVER4:80
trace_stop all
trace_stop web
trace_stop none
is "which is no packet of a client" "$(trace_count all type=packet src_port=50123)" 0

expectations() {
	local to family icmp proto

	for to in $SERVER4 $SERVER6; do
		family=ipv4 icmp=icmp
		[[ $to == *.* ]] || family=ipv6 icmp=icmpv6
		cat <<-LIST
			a SYN is steered: type=packet dst=$to dst_port=80 verdict=steer reasons=steered rule=default tcp_flags=syn listener.transparent=true
			later segments are kept: type=packet dst=$to dst_port=80 verdict=keep reasons=owned rule=default tcp_flags=ack listener=-
			the first fragment: type=packet dst=$to dst_port=7007 verdict=steer reasons=frag_first rule=default fragment=first
			later fragments: type=packet dst=$to verdict=keep reasons=frag_next fragment=later
			the look-up for the datagram: type=lookup dst=$to dst_port=7007 verdict=steer reasons=lookup rule=default listener.transparent=true
			an audited SYN: type=packet dst=$to dst_port=8080 verdict=audit reasons=rule_audit rule=watch tcp_flags=syn
			later segments of its flow: type=packet dst=$to dst_port=8080 verdict=audit reasons=- tcp_flags=psh
			ping: type=packet dst=$to proto=$icmp verdict=left_alone reasons=-
			an ICMP error: type=packet proto=$icmp verdict=keep reasons=icmp_owned quoted.proto=tcp quoted.src_port=7007
			a listener that is not transparent: type=packet dst=$to dst_port=86 proto=tcp rule=opaque problem=$([[ $family == ipv4 ]] && echo listener-not-transparent || echo no-listener)
		LIST
		for proto in tcp udp; do
			cat <<-LIST
				a drop rule: type=packet dst=$to proto=$proto dst_port=81 verdict=drop reasons=rule_drop rule=shut
				a pass rule: type=packet dst=$to proto=$proto dst_port=82 verdict=pass reasons=rule_pass rule=open
				no listener, drop: type=packet dst=$to proto=$proto dst_port=83 verdict=drop reasons=down_drop rule=down-drop problem=no-listener
				no listener, reset: type=packet dst=$to proto=$proto dst_port=84 verdict=refuse reasons=down_reset rule=down-reset problem=no-listener
				no listener, pass: type=packet dst=$to proto=$proto dst_port=85 verdict=pass reasons=down_pass rule=down-pass problem=no-listener
				no rule: type=packet dst=$to proto=$proto dst_port=9999 verdict=left_alone reasons=- rule=-
			LIST
		done
	done
}
trace_expect all < <(expectations)
is "what we drop is not shown as a drop of the kernel, too" "$(trace_count all type=drop dst_port=81)" 0
ok "--dst and --port: two traces at once" traced web dst=$SERVER4 dst_port=80 verdict=steer
is "and no other flow" "$(trace_count web dst=$SERVER6)$(trace_count web dst_port=81)" 00
is "--src of others: nothing" "$(trace_count none family=ipv4)$(trace_count none family=ipv6)" 00
for name in all web none; do
	ok "$name: the output is as the schema says" valid_lines trace "$WORK/$name"
	ok "$name: what matched was shown or counted" trace_adds_up $name
done

# ---- text ----

"$LOADER" -n "$ROUTER" trace --port 80 --count 1 >"$WORK/text" 2>"$WORK/log/text" </dev/null &
pid=$!
ok "text: it begins" wait_for 60 grep -q TIME "$WORK/text"
c curl -gsS -m 20 -o "$WORK/page" "http://$SERVER4/"
ok "text: --count 1 ends it" wait_for 20 process_gone $pid
like "text: one line" "$(tail -n 1 "$WORK/text")" \
	"^[0-9:.]{15} r0 +steer +tcp +$CLIENT4:[0-9]+ > $SERVER4:80 +S +60  steered, rule default, port [0-9]+\$"

"$LOADER" -n "$ROUTER" trace --port 9999 --proto tcp --count 1 >"$WORK/text" 2>"$WORK/log/text" </dev/null &
pid=$!
ok "text: it begins" wait_for 60 grep -q TIME "$WORK/text"
c curl -sm2 "http://$SERVER4:9999/" >/dev/null
ok "text: --count 1 ends it" wait_for 20 process_gone $pid
like "text: a flow start that no rule takes" "$(tail -n 1 "$WORK/text")" \
	'left_alone +tcp .*:9999 +S .* no rule takes it$'

# ---- names ----

ok "the rule gets a control sequence for a name" rename_default "${EVIL[@]}"
trace_start evil --port 80 || fatal "trace starts"
c curl -gsS -m 20 -o "$WORK/page" "http://$SERVER4/"
ok "a rule with a control sequence for a name" traced_soon evil 'rule=A?[31m' interface=r0
trace_stop evil
ok "its output is as the schema says" valid_lines trace "$WORK/evil"
ok "it gets its own name back" rename_default "${NAME[@]}"

# ---- upgrade ----

replaced() { [[ $(grep -c 'programs were replaced' "$WORK/log/upgrade") -ge $1 ]]; }
seen_by() { c curl -gsS -m 20 -o "$WORK/page" "http://$SERVER4/$1" && [[ $(trace_count upgrade dst_port=80 verdict=steer) -gt $2 ]]; }

trace_start upgrade --port 80 || fatal "trace starts"
ok "a flow is shown" wait_for 20 seen_by before 0
do_ok "another build attaches its programs" \
	"$TOP/build/tests/next/tproxy-loader" -n "$ROUTER" attach r0 --learn 0
ok "trace follows them" wait_for 20 replaced 1
n=$(trace_count upgrade dst_port=80 verdict=steer)
ok "a flow is shown again" wait_for 20 seen_by after "$n"
do_ok "detach --all" loader detach --all
ok "trace waits" wait_for 20 grep -q 'waiting' "$WORK/log/upgrade"
do_ok "attach" loader attach r0 --ports 80
ok "trace follows" wait_for 20 replaced 2
ok "the relay has registered again" steering $SERVER4
n=$(trace_count upgrade dst_port=80 verdict=steer)
ok "a flow is shown again" wait_for 20 seen_by again "$n"
trace_stop upgrade
ok "what matched was shown or counted" trace_adds_up upgrade
trace_start killed || fatal "trace starts"
ok "programs are attached" trace_left
trace_stop killed KILL
ok "none is left after kill -9" wait_for 10 no_trace_left
finish
