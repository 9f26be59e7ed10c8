#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# trace shows where the kernel drops packets of intercepted flows, and why, and which problem that is;
# it shows no drop of another flow or network namespace, and counts what it cannot show.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/schema.sh"
. "$(dirname "$0")/../lib/trace.sh"

starts() { c python3 "$LIB/trace.py" start "$@" & }

# drop_case NAME KEY=VALUE… — new flows to port 80 of ${TO[@]}; each drop has the values
drop_case() {
	local name=$1 pid address
	shift

	trace_start "$name" --port 80 --proto tcp || fatal "$name: trace starts"
	starts 20 80 "${TO[@]}"
	pid=$!
	for address in "${TO[@]}"; do
		ok "$name: a drop is shown for $address: $*" \
			traced_soon "$name" type=drop verdict=kernel_drop proto=tcp "$@" \
			"$([[ " $* " == *" answer=true "* ]] && echo src || echo dst)=$address"
	done
	kill "$pid"
	wait "$pid" 2>/dev/null
	trace_stop "$name"
	ok "$name: the output is as the schema says" valid_lines trace "$WORK/$name"
	ok "$name: what matched was shown or counted" trace_adds_up "$name"
}

both=("$SERVER4" "$SERVER6")
TO=("${both[@]}")
prepare nginx dns echo
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/7007
ok "new flows go through the relay" steering $SERVER4 $SERVER6

# ---- the causes ----

r nft -f - <<-'NFT'
	table inet cause {
		chain input {
			type filter hook input priority 0
			iifname r0 tcp dport 80 drop
		}
	}
NFT
drop_case input-filter marked=true interface=r0 reason=NETFILTER_DROP rule=default \
	problem=input-filter
r nft delete table inet cause

r nft -f - <<-'NFT'
	table inet cause {
		chain output {
			type filter hook output priority 0
			oifname r0 tcp sport 80 drop
		}
	}
NFT
drop_case output-filter answer=true out_interface=r0 reason=NETFILTER_DROP
r nft delete table inet cause

r nft -f - <<-'NFT'
	table inet cause {
		chain prerouting {
			type filter hook prerouting priority -150
			iifname r0 tcp dport 80 meta mark set 0
		}
	}
NFT
drop_case mark-lost marked=false interface=r0 problem=mark-lost
r nft delete table inet cause

r ip rule del pref 150
r ip -6 rule del pref 150
drop_case rule-missing marked=true interface=r0 problem=rule-missing

# the classic rule has no iif
TO=("$SERVER4")
r sysctl -qw net.ipv4.conf.all.src_valid_mark=1
r ip rule add pref 150 fwmark 0x1000000/0x1000000 lookup 15001
drop_case src-valid-mark marked=true interface=r0 problem=src-valid-mark
r ip rule del pref 150
r sysctl -qw net.ipv4.conf.all.src_valid_mark=0
do_ok "attach mends the rules" loader attach r0

r ip route add $CLIENT4/32 via $SERVER4
r sysctl -qw net.ipv4.conf.r0.rp_filter=1
drop_case rp-filter interface=r0 reason=IP_RPFILTER problem=rp-filter
r sysctl -qw net.ipv4.conf.r0.rp_filter=0
r ip route del $CLIENT4/32
ok "flows go through the relay again" steering $SERVER4 $SERVER6

# ---- what is not shown ----

r nft -f - <<-'NFT'
	table inet cause {
		counter dropped { }
		chain input {
			type filter hook input priority 0
			iifname r0 udp dport 7007 counter name dropped drop
			iifname r0 tcp dport 80 drop
		}
	}
NFT
c nft -f - <<-'NFT'
	table inet cause {
		chain output {
			type filter hook output priority 0
			udp dport 9 drop
		}
	}
NFT
trace_start wide || fatal "trace starts"
trace_start udp --port udp/7007 || fatal "trace starts"
trace_start other --src 10.77.9.0/24 || fatal "trace starts"
trace_start six --dst fd77:2::/64 --count 1 || fatal "trace starts"
starts 1 9 "${both[@]}"
wait $!
starts 1 7007 "${both[@]}"
wait $!
starts 1 80 "${both[@]}"
wait $!
for name in wide udp other; do
	[[ $name == other ]] || ok "$name: datagrams are shown" traced_soon "$name" proto=udp dst_port=7007 type=drop
done
ok "--count ends it" wait_for 10 process_gone "${TRACE_PID[six]}"
trace_stop wide
trace_stop udp TERM
trace_stop other HUP
trace_stop six
is "a drop on the client is not shown" "$(trace_count wide type=drop dst_port=9)" 0
ok "without a filter, all protocols are" traced wide proto=tcp dst_port=80 type=drop
is "--port udp/7007: no other packet" "$(trace_count udp dst_port=80)" 0
is "--src: no packet of others" "$(trace_count other family=ipv4)$(trace_count other family=ipv6)" 00
is "--count 1: one line" "$(trace_count six family=ipv6)$(trace_count six family=ipv4)" 10
for name in wide udp other six; do
	ok "$name: what matched was shown or counted" trace_adds_up $name
	ok "$name: the output is as the schema says" valid_lines trace "$WORK/$name"
	like "$name: a summary on standard error" "$(tail -n 1 "$WORK/log/$name")" "^trace: [0-9]+ matched, "
done

# ---- a flood ----

# an emulated processor is slow
FLOOD=${FLOOD:-$((${TEST_LIMIT_FACTOR:-1} > 1 ? 10000 : 200000))}
matched() { python3 -c 'import json, sys; print(json.loads(sys.stdin.readlines()[-1])["matched"])' <"$WORK/$1"; }

r nft reset counters table inet cause >/dev/null
trace_start flood --port udp/7007 || fatal "trace starts"
c "$TOP/build/tests/helpers/udppeer" flood $SERVER4 7007 "$FLOOD" >/dev/null 2>&1
trace_stop flood
is "flood: all were dropped" "$(packets r inet cause dropped)" "$FLOOD"
ok "flood: what matched was shown or counted" trace_adds_up flood
# each of them is decided about, and dropped
is "flood: it saw each packet" "$(matched flood)" "$((FLOOD * 2))"
r nft delete table inet cause

# ---- the end ----

"$LOADER" -n "$ROUTER" trace --duration 1 >"$WORK/text" 2>"$WORK/log/text"
is "--duration: it ends by itself" $? 0
like "text has a heading" "$(head -n 1 "$WORK/text")" "^TIME +IF +VERDICT +PROTO +FLOW"
trace_start pipe || fatal "trace starts"
trace_stop pipe
"$LOADER" -n "$ROUTER" trace 2>"$WORK/log/closed" | sed 1q >/dev/null
is "a closed pipe ends it" "${PIPESTATUS[0]}" 0
trace_start killed || fatal "trace starts"
ok "a trace has programs in the kernel" trace_left
trace_stop killed KILL
ok "none is left after kill -9" wait_for 10 no_trace_left
refuses "an interface that is not attached" 3 'r1: not attached' loader trace r1
refuses "an interface that does not exist" 3 'nosuch0: no such interface' loader trace nosuch0
refuses "a bad prefix" 2 '--src' loader trace --src 10.0.0.1/8
refuses "two families" 2 'another family' loader trace --src 10.0.0.0/8 --dst fd77::/64
refuses "a bad port" 2 '--port' loader trace --port icmp/80
refuses "two protocols" 2 'another protocol' loader trace --port tcp/80 --proto udp
refuses "no capabilities" 1 'CAP_BPF and CAP_PERFMON' \
	r setpriv --bounding-set=-bpf,-sys_admin,-perfmon --inh-caps=-bpf,-sys_admin,-perfmon \
	"$LOADER" --pin-dir "$PINS" trace
finish
