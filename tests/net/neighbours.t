#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Beside tcx and clsact programs of others, firewalls, NOTRACK, a flow table and a ruleset that is
# flushed under load, both sides continue to work.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/foreign.sh
. "$TOP/tests/lib/foreign.sh"

all_count() { # NAME PROGRAM…
	local name=$1 program
	local -A first
	shift

	for program in "$@"; do
		first[$program]=$(foreign_counted "$program")
	done
	whoami_at $SERVER4 >/dev/null
	for program in "$@"; do
		like "$name: the foreign program $program counts" \
			"$(($(foreign_counted "$program") > ${first[$program]}))" 1
	done
}

prepare nginx dns
foreign_counters before after filter >"$WORK/log/counters" 2>&1 || fatal "the foreign programs load"
ok "the relay starts" relay_start
programs=(filter)
r tc qdisc add dev r0 clsact
r tc filter add dev r0 ingress pref 10 handle 7 bpf da pinned /sys/fs/bpf/foreign-filter/prog
if loader features | grep -Eq 'tcx +yes'; then
	programs+=(before after)
	r python3 "$LIB/corner.py" tcx r0 /sys/fs/bpf/foreign-before/prog before ||
		fatal "the first tcx program is attached"
fi
snapshot >"$WORK/before"
do_ok "attach" loader attach r0 --ports 80,udp/53
if [[ ${#programs[@]} -gt 1 ]]; then
	r python3 "$LIB/corner.py" tcx r0 /sys/fs/bpf/foreign-after/prog after ||
		fatal "the last tcx program is attached"
fi
ok "flows go through the relay" steering $SERVER4 $SERVER6
all_count attached "${programs[@]}"
if [[ ${#programs[@]} -gt 1 ]]; then
	r python3 "$LIB/corner.py" untcx r0 /sys/fs/bpf/foreign-after/prog
fi
do_ok "detach" loader detach --all
unchanged "only ours was removed" "$WORK/before"
all_count detached "${programs[@]:0:2}"

do_ok "attach again" loader attach r0 --ports 80,udp/53
ok "flows go through the relay" steering $SERVER4 $SERVER6

works() { # NAME
	bypass_reset
	ok "$1: TCP" steering $SERVER4 $SERVER6
	is "$1: UDP" "$(dig_at $SERVER4 test.tproxy A) $(dig_at $SERVER6 test.tproxy A)" \
		"10.77.2.200 10.77.2.200"
	bypass_none "$1: no packet went past the relay"
}

r nft -f - <<-'NFT'
	table inet raw {
		chain prerouting {
			type filter hook prerouting priority -300
			notrack
		}
	}
NFT
works notrack
r nft delete table inet raw

if r nft -f - <<-'NFT' 2>"$WORK/flowtable"; then
	table inet fast {
		flowtable f { hook ingress priority 0; devices = { r0, r1 }; }
		chain forward {
			type filter hook forward priority 10
			ip protocol { tcp, udp } flow add @f
		}
	}
NFT
	works "a flow table"
	r nft delete table inet fast
else
	tap_result 0 "a flow table # SKIP the kernel has none"
fi

# A firewall that drops what it did not ask for takes delivered flows for flows to the host:
# what is intercepted needs a rule in the input chain.
r nft -f - <<-'NFT'
	table inet firewall {
		chain input {
			type filter hook input priority 0; policy drop
			ct state { established, related } accept
			ct state invalid drop
			iif lo accept
			meta l4proto icmpv6 accept
		}
	}
NFT
is "an input chain of policy drop stops intercepted flows" "$(cpy probe $SERVER4 80 1)" timeout
is "over IPv6 too" "$(cpy probe $SERVER6 80 1)" timeout
bypass_none "but none goes past the relay"
r nft add rule inet firewall input meta mark '&' 0x1000000 != 0 accept
works "with a rule that accepts our mark"
r nft delete table inet firewall

churn_start $SERVER4 80
churn_start $SERVER6 80
ok "load runs over IPv4" wait_for 15 churned_more $SERVER4 3 20
ok "load runs over IPv6" wait_for 15 churned_more $SERVER6 3 20
for _ in 1 2 3; do
	r nft flush ruleset
	bypass_watch
done
more4=$(churned $SERVER4 3) more6=$(churned $SERVER6 3)
ok "load continues over IPv4" wait_for 15 churned_more $SERVER4 3 $((more4 + 20))
ok "load continues over IPv6" wait_for 15 churned_more $SERVER6 3 $((more6 + 20))
churn_stop
for to in $SERVER4 $SERVER6; do
	is "a flushed ruleset mattered to no flow to $to" "$(churned "$to" 2) $(churned "$to" 4)" "0 0"
done
works "afterwards"
finish
