#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# If a program before ours sets our mark bit, no flow is delivered here: the bit is cleared.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/foreign.sh
. "$TOP/tests/lib/foreign.sh"

# sets our bit and one that is not ours, and lets the others decide
build_forger() {
	foreign_build forger <<-'C' || return
		SEC("tc") int forge(struct __sk_buff *skb)
		{
			skb->mark |= 0x1000040;
			return -1;
		}
	C
	mkdir -p /sys/fs/bpf/foreign &&
		bpftool prog load "$WORK/forger.o" /sys/fs/bpf/foreign/prog
}

other_bit() { packets r inet marks other; }

prepare nginx
serve_run tell "$SERVER" python3 "$LIB/corner.py" tell 7007 server
serve_run tell-router "$ROUTER" python3 "$LIB/corner.py" tell 7007 router
wait_for 10 listening "$SERVER" udp 7007 || fatal "the server's listener starts"
build_forger >"$WORK/log/forger" 2>&1 || fatal "the forging program loads"
r nft -f - <<-'NFT'
	table inet marks {
		counter ours { }
		counter other { }
		chain prerouting {
			type filter hook prerouting priority -300
			iifname r0 tcp dport 7007 meta mark & 0x1000000 != 0 counter name ours
			iifname r0 udp dport 7007 meta mark & 0x1000000 != 0 counter name ours
			iifname r0 meta mark & 0x40 != 0 counter name other
		}
	}
NFT
ok "the relay starts" relay_start

check() { # NAME
	local before to

	before=$(counter forged_mark)
	for to in $SERVER4 $SERVER6; do
		is "$1: TCP and UDP to $to without a rule go straight to the server" \
			"$(corner ask "$to" 7007 tcp,udp)" "server $to 7007"
	done
	like "$1: the counter forged_mark increases" "$(($(counter forged_mark) - before >= 4))" 1
	is "$1: our bit was cleared" "$(packets r inet marks ours)" 0
	unlike "$1: the foreign bit was left" "$(other_bit)" '^0?$'
	bypass_reset
	ok "$1: flows with a rule are relayed" steering $SERVER4 $SERVER6
	bypass_none "$1: none of their packets was forwarded"
}

r tc qdisc add dev r0 clsact
r tc filter add dev r0 ingress pref 10 handle 7 bpf da pinned /sys/fs/bpf/foreign/prog ||
	fatal "the foreign filter is added"
do_ok "attach by clsact, after it" loader attach r0 --ports 80 --hook clsact --after forge
check clsact
r tc filter del dev r0 ingress pref 10
do_ok "detach" loader detach --all
if loader features | grep -Eq 'tcx +yes'; then
	do_ok "attach by tcx" loader attach r0 --ports 80 --hook tcx
	ok "the foreign program goes before" r python3 "$LIB/corner.py" tcx r0 /sys/fs/bpf/foreign/prog before
	check tcx
else
	tap_result 0 "tcx # SKIP the kernel has none"
fi
finish
