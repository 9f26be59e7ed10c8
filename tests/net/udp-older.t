#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# UDP flows that run when a rule for them appears stay as they are until they are idle, because
# their server knows the client by its address. New flows are relayed at once.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/talk.sh"

both_go_on() { # DESCRIPTION NAME
	goes_on "$1" "$2"4 $CLIENT4
	goes_on "$1, IPv6" "$2"6 $CLIENT6
}

# relayed PORT — a new flow of each family is
relayed() {
	is "a new flow to port $1 is relayed" "$(cpy udp-who $SERVER4 "$1")" "$ROUTER4 other-port"
	is "one of IPv6, too" "$(cpy udp-who $SERVER6 "$1")" "$ROUTER6 other-port"
}

# still_relayed DESCRIPTION NAME PORT — quiet so far, and not learned
still_relayed() {
	local n

	n=$(answers_of "$2")
	is "$1: the quiet flow is not learned" "$(older_entries "$3")" 0
	wake "$2"
	ok "$1: it continues" wait_for 10 answered "$2" $((n + 1))
	is "$1: its server saw the relay only" "$(whom "$2")" "$ROUTER4"
}

# The client's side of the router is deleted, and made again as it was.
flap() {
	ip -n "$ROUTER" link del r0
	ip -n "$CLIENT" link add c0 type veth peer name r0 netns "$ROUTER"
	topo_address "$CLIENT" c0 "$CLIENT4/24" "$CLIENT6/64"
	topo_address "$ROUTER" r0 "$GATE4/24" "$GATE6/64"
	ip -n "$CLIENT" route add default via "$GATE4"
	r sysctl -qw net.ipv4.conf.r0.rp_filter=0
}

learns() { LEARN=yes loader "$@"; } # what users get
older_entries() { r python3 "$OLDER" seen "$PINS/internal/older" "$1"; }

prepare nginx
serve_greet {7001..7012}
ok "the relay starts" relay_start

both first 7001
do_ok "attach" learns attach r0 --ports udp/7001
like "watches" "$ERR" 'learn UDP flows on r0 for 2 s'
like "and reports what it has learned" "$ERR" '2 older UDP flows are not intercepted'
both_go_on "attach" first
relayed 7001
ok "the counter of older datagrams moves" test "$(counter older)" -ge 20
do_ok "status" loader status
like "reports how many there are" "$OUT" 'older UDP flows: 2, left alone'
try loader test udp "$(c ss -Hun "dst $SERVER4:7001" | awk '{ print $3; exit }')" $SERVER4:7001
is "test asks about such a flow: it passes" $RC 6
like "and reports that they pass" "$OUT" 'began before the rule'

do_ok "attach again" learns attach r0 --ports udp/7001
unlike "does not watch" "$ERR" learn
do_ok "a rule for TCP" learns rule add tcp --ports 7001
unlike "does not watch either" "$ERR" learn

both port 7002
do_ok "port add" learns port add udp/7002
both_go_on "port add" port
relayed 7002

both cidr 7003
do_ok "a rule for other addresses" loader rule add more --ports udp/7003 --to 198.51.100.0/24
do_ok "cidr add" learns cidr add --rule more $SERVER4 $SERVER6
both_go_on "cidr add" cidr
relayed 7003

both rule 7004
do_ok "rule add, with seconds" loader rule add fourth --ports udp/7004 --learn 1
like "which it says" "$ERR" 'learn UDP flows on r0 for 1 s'
both_go_on "rule add" rule
relayed 7004

both apply 7005
loader save >"$WORK/policy.conf"
sed -i 's/^\[loader\]/&\nlearn = 1/' "$WORK/policy.conf"
cat >>"$WORK/policy.conf" <<-CONF
	[rule fifth]
	ports = udp/7005
	[rule not-this-one]
	ports  = udp/7006
	action = drop
CONF
both drop 7006
do_ok "apply" learns apply "$WORK/policy.conf"
like "watches as the file says" "$ERR" 'learn UDP flows on r0 for 1 s'
both_go_on "apply" apply
relayed 7005
for name in first port cidr rule; do
	goes_on "after apply, the flow of $name" "${name}4" $CLIENT4
done
before=$(answers_of drop4)
is "a drop rule applies to running flows" "$(cpy udp-who $SERVER4 7006)" nothing
at_most "at once" "$(answers_of drop4)" $((before + 1))
is "they are not learned" "$(older_entries 7006)" 0
do_ok "save" loader save
like "keeps the seconds" "$OUT" 'learn = 1'

both taken 7007
do_ok "--learn 0" loader rule add seventh --ports udp/7007 --learn 0
unlike "does not watch" "$ERR" learn
goes_on "--learn 0" taken4 "$CLIENT4 $ROUTER4"
goes_on "--learn 0, IPv6" taken6 "$CLIENT6 $ROUTER6"

# not answered, since there is no way to it
talk vain 198.51.100.1 7008
do_ok "a rule for a flow that does not pass" learns rule add eighth --ports udp/7008
unlike "does not learn it" "$ERR" older
kill "${TALK_PID[vain]}"

r python3 "$OLDER" age "$PINS/internal/older" 7001 61
goes_on "after a minute without a datagram" first4 "$CLIENT4 $ROUTER4"
goes_on "the others" port4 $CLIENT4
is "its entries are gone" "$(older_entries 7001)" 0

both full 7009
r python3 "$OLDER" fill "$PINS/internal/older" 65536 0 2>"$WORK/log/fill"
do_ok "with a full table" learns rule add ninth --ports udp/7009
like "it reports that" "$ERR" 'map of older UDP flows is full: 2 do not fit'
goes_on "the flow that found no room" full4 "$CLIENT4 $ROUTER4"
both stale 7010
r python3 "$OLDER" fill "$PINS/internal/older" 65536 70 2>"$WORK/log/fill"
do_ok "once those in it are idle" learns rule add tenth --ports udp/7010
like "there is room" "$ERR" '2 older UDP flows are'
both_go_on "in the room" stale

r nft -f - <<-'NFT'
	table inet tracked {
		chain forward {
			type filter hook forward priority 5
			ct state established counter
		}
	}
NFT
ok "a flow that is quiet runs" talk_start quiet $SERVER4 7011 3600
if r test -e /proc/sys/net/netfilter/nf_conntrack_count; then
	do_ok "with connection tracking" learns rule add eleventh --ports udp/7011
	like "it is learned" "$ERR" '1 older UDP flow is not intercepted'
	wake quiet
	ok "it continues" wait_for 10 answered quiet 2
	is "its server saw" "$(whom quiet)" $CLIENT4

	do_ok "a rule for a port without flows" loader rule add twelfth --ports udp/7012
	ok "a quiet flow is relayed" talk_start relayed $SERVER4 7012 3600
	do_ok "detach --all" loader detach --all
	do_ok "and attach again" learns attach r0 --ports udp/7012
	like "watches" "$ERR" 'learn UDP flows on r0'
	still_relayed "detach --all, attach" relayed 7012
	loader save >"$WORK/flap.conf"
	flap
	do_ok "apply, once the interface is back" learns apply "$WORK/flap.conf"
	like "watches" "$ERR" 'learn UDP flows on r0'
	still_relayed "an interface that is back" relayed 7012
	relay_stop
	flap
	do_ok "apply, with no socket that has the flow" learns apply "$WORK/flap.conf"
	ok "the relay starts again" relay_start
	ok "and is registered" relay_says registered
	still_relayed "another interface of that name" relayed 7012
fi
do_ok "a rule that takes UDP" loader rule add last --ports udp/7013
unlike "gives nothing back" "$ERR" 'another source'
do_ok "it is removed" loader rule del last
like "which reports what happens to its flows" "$ERR" 'which see another source'
do_ok "a rule for TCP is removed" loader rule add web --ports 80
do_ok "it is removed" loader rule del web
unlike "which gives nothing back" "$ERR" 'another source'
do_ok "detach --all" loader detach --all
finish
