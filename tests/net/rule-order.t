#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# rule add --before renumbers the rules in one step: correct at the end, on the way, and after
# kill -9.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,8080
ok "new flows go through the relay" steering $SERVER4 $SERVER6

names() { loader rule list | awk '{ sub(":", "", $2); printf "%s=%s ", $1, $2 }'; }
do_ok "a rule after the first that matches" loader rule add late --ports 80 --action pass
is "changes nothing" "$(seen $SERVER4)" relay
before=$(flows_of default)
do_ok "a rule before it" loader rule add early --before default --from $CLIENT4 --ports 80 --action pass
is "decides" "$(seen $SERVER4) $(seen $SERVER4 8080) $(seen $SERVER6)" "direct relay relay"
is "the others moved" "$(names)" "0=early 1=default 2=late "
ok "their counters moved with them" test "$(flows_of default)" -ge "$before"
is "the new one starts at zero and counts" "$(flows_of early)" 1
is "the pinned maps are the live ones" "$(bpftool map dump pinned "$PINS/rules" -j |
	python3 -c 'import json,sys; print(sum(r["formatted"]["value"]["action"] > 0 for r in json.load(sys.stdin)))')" 3
ok "bpftool shows field names" grep -q prefixlen <(bpftool map dump pinned "$PINS/dst4")
do_ok "an edit in place afterwards" loader cidr del --rule early 0.0.0.0/0
is "takes effect" "$(seen $SERVER4)" relay
do_ok "deletion" loader rule del early
refuses "a rule before one that is not there" 1 'nosuch' loader rule add x --before nosuch
for ((i = $(loader rule list | wc -l); i < 62; i++)); do
	loader rule add "f$i" --before late --ports udp/$((1000 + i)) || break
done
is "the list takes rules until it is full" "$(loader rule list | wc -l)" 62
is "and still works" "$(seen $SERVER4) $(seen $SERVER6)" "relay relay"
do_ok "detach" loader detach --all

# A relayed flow and a passed one: every connection meets one policy or the other, none is lost.
do_ok "attach again" loader attach r0 --ports 80 --on-proxy-down reset
ok "new flows go through the relay" steering $SERVER4
bypass_reset
renumber() {
	local i
	for i in {1..30}; do
		loader -q rule add "n$i" --before default --from 192.0.2.0/24 --action drop || return 1
	done
}
renumber >"$WORK/log/renumber" 2>&1 &
renumbering=$!
lost=0 tried=0
while kill -0 $renumbering 2>/dev/null || ((tried < 20)); do
	[[ $(seen $SERVER4) == relay ]] || ((lost++))
	((tried++))
done
wait $renumbering
is "30 renumberings succeed" $? 0
is "no connection was lost or passed by ($tried tried)" $lost 0
bypass_none "no packet went past the relay"

# kill -9 at every bpf() of a renumbering: the live policy is one or the other, the next edit meets it
bad=0 killed=0
for n in $(seq 3 9 160); do
	{ strace -f -qq -o /dev/null -e trace=bpf -e inject=bpf:signal=KILL:when="$n" \
		"$LOADER" -n "$ROUTER" -q rule add "k$n" --before default \
		--from 192.0.2.0/24 --action drop; } >/dev/null 2>&1
	[[ $? -ne 137 ]] || ((killed++))
	[[ $(seen $SERVER4) == relay ]] || ((bad++))
	loader -q rule del "k$n" >/dev/null 2>&1
	loader -q cidr add 198.51.100.0/24 || ((bad++))
	loader rule list | grep -q 'default' || ((bad++))
done
ok "the loader was killed at $killed points" test $killed -ge 5
is "after each the policy was whole and could be edited" $bad 0
do_ok "detach" loader detach --all
ok "nothing is left" test ! -e "$PINS"
finish
