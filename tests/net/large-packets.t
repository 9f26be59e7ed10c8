#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Large packets of segmentation offload, BIG TCP with its hop-by-hop header, jumbo frames:
# whatever their length fields say, every byte is relayed.
. "$(dirname "$0")/../lib/test.sh"

SIZE=$((64 << 20))

# over BYTES — packets longer than that which came from the client
over() { packets r inet length "over$1"; }

upload() { # NAME ADDRESS OVER
	local before

	rm -f "$WORK/received"
	serve_run "sink-$1-$2" "$SERVER" socat -u TCP6-LISTEN:7007,ipv6-v6only=0,reuseaddr \
		"OPEN:$WORK/received,creat,trunc"
	wait_for 10 listening "$SERVER" tcp 7007 || fatal "the sink starts"
	before=$(over "$3")
	ok "$1: an upload to $2" c timeout 60 socat -u "OPEN:$WORK/sent" "TCP:$(bracket "$2"):7007"
	ok "$1: arrives byte for byte" wait_for 10 cmp -s "$WORK/sent" "$WORK/received"
	like "$1: in packets longer than $3" "$(($(over "$3") > before))" 1
	bypass_none "$1: none went past the relay"
}

prepare nginx
head -c $SIZE /dev/urandom >"$WORK/sent"
r nft -f - <<'NFT'
table inet length {
	counter over9000 { }
	counter over65575 { }
	chain prerouting {
		type filter hook prerouting priority -300
		iifname r0 meta length > 9000 counter name over9000
		iifname r0 meta length > 65575 counter name over65575
	}
}
NFT
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,7007 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset
for to in $SERVER4 $SERVER6; do
	upload "segmentation offload" "$to" 9000
done

ip -n "$CLIENT" link set c0 mtu 9000
ip -n "$ROUTER" link set r0 mtu 9000
for to in $SERVER4 $SERVER6; do
	upload "jumbo frames" "$to" 9000
done

ok "BIG TCP is switched on" ip -n "$CLIENT" link set c0 gso_max_size 180000
upload "BIG TCP" $SERVER6 65575
finish
