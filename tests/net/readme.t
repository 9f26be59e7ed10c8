#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Every shell block of README.md runs unchanged, on a router with eth0 and eth1, and so do those of
# docs/own-traffic.md and docs/adopt.md. Its line for packet filters lets intercepted flows in.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
r ip link set r0 down
r ip link set r0 name eth0
r ip link set eth0 up
r ip link set r1 down
r ip link set r1 name eth1
r ip link set eth1 up
ip -n "$ROUTER" -6 addr replace $GATE6/64 dev eth0 nodad
ip -n "$ROUTER" -6 addr replace $ROUTER6/64 dev eth1 nodad

# the servers of examples/bastion.conf
r ip route add 10.210.0.0/24 via $SERVER4

# the two commands at the top: demo.t runs the first, the second runs this test
not_here='^(scripts/demo|scripts/test)'

blocks_of() { # FILE NAME
	awk '/^```sh$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > (dir "/" name "." n) }' \
		dir="$WORK" name="$2" "$TOP/$1"
}
blocks_of README.md block

cat >"$WORK/runner" <<-'SH'
	set -m
	cd "$1" || exit 1
	shift
	for block; do
		echo "== $block"
		while IFS= read -r line; do
			echo "+ $line"
			eval "$line" || { echo "FAILED ($?): $line"; exit 1; }
			# a job in the background gets the time that a person needs for the next line
			[[ $line != *'&' ]] || sleep 0.3
		done <"$block"
	done
	exit 0
SH

mapfile -t blocks < <(find "$WORK" -name 'block.*' | sort -t. -k2n)
for block in "${blocks[@]}"; do
	grep -Ev "$not_here" "$block" >"$block.run"
	while read -r command _; do
		ok "$command exists" test -x "$TOP/$command"
	done < <(grep -Eo '^scripts/[a-z]+' "$block")
done
ok "README has blocks to run" test ${#blocks[@]} -ge 8
# in the tree itself: `make` has nothing to build, and `make install` fills build/root
r bash "$WORK/runner" "$TOP" "${blocks[@]/%/.run}" >"$WORK/log/readme" 2>&1 </dev/null
is "all blocks run" $? 0
ok "make install put the programs there" test -x "$TOP/build/root/usr/sbin/tproxy-loader"
unlike "nothing is left attached" "$(r tc filter show dev eth0 ingress 2>&1; ls /sys/fs/bpf)" 'tproxy'
rm -rf "$TOP/build/root"

stop_relay_of_block() { # the block that starts it leaves it running
	local pid

	for pid in $(pgrep -x tproxy-relay); do
		stop "$pid"
	done
	wait_for 10 relay_gone
}
stop_relay_of_block
for page in own-traffic adopt; do
	blocks_of "docs/$page.md" "$page"
	mapfile -t blocks < <(find "$WORK" -name "$page.*" | sort -t. -k2n)
	ok "docs/$page.md has blocks to run" test ${#blocks[@]} -ge 1
	r bash "$WORK/runner" "$TOP" "${blocks[@]}" >"$WORK/log/$page" 2>&1 </dev/null
	is "all of them run" $? 0
	unlike "nothing is left attached" "$(r tc filter show dev lo ingress 2>&1; ls /sys/fs/bpf)" 'tproxy|own_'
done
stop_relay_of_block

filter_line=$(sed -n "s/^ *\`\(nft '.*'\)\`$/\1/p" "$TOP/README.md")
like "README has a line for packet filters" "$filter_line" "^nft 'insert rule inet filter input "
r nft -f - <<-'NFT'
	table inet filter {
		chain input {
			type filter hook input priority 0; policy drop;
			ct state established,related accept
			meta l4proto ipv6-icmp accept
		}
	}
NFT
ok "the relay starts" relay_start
do_ok "attach eth0" loader attach eth0 --ports 80
nok "a filter that drops unknown input drops intercepted flows" whoami_at $SERVER4
ok "the line of README is accepted" r bash -c "$filter_line"
ok "then the relay gets them" steering $SERVER4 $SERVER6
do_ok "detach" loader detach --all
finish
