#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A SYN that is cut into fragments within its TCP header, or that follows more IPv6 headers than
# the data path reads, does not bypass a rule.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
is "without rules the server answers a SYN in fragments" \
	"$(corner hidden $SERVER4 80 tiny)" answered
is "and one after nine headers" "$(corner hidden $SERVER6 80 chain)" answered

ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset
before=$(counter hidden) chain=$(counter hidden_chain) overlap=$(counter frag_overlap)
for to in $SERVER4 $SERVER6; do
	is "a SYN in fragments to $to" "$(corner hidden "$to" 80 tiny)" nothing
done
is "a SYN after nine headers" "$(corner hidden $SERVER6 80 chain)" nothing
is "the fragments were counted" "$(($(counter hidden) - before))" 2
is "the second ones, which could rewrite flags, were dropped too" "$(($(counter frag_overlap) - overlap))" 2
is "and the last ones" "$(counter frag_drop)" 2
is "the chain was dropped too" "$(($(counter hidden_chain) - chain))" 1
bypass_none "nothing of them was forwarded"
is "a destination without a rule still answers" "$(corner hidden 10.77.3.2 80 tiny)" answered
finish
