#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What iptables-save prints of a usual TPROXY set-up is translated, and does the same.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"

prepare nginx
command -v iptables-save >/dev/null || fatal "iptables is installed"
ok "HAProxy as the proxy" serve_haproxy

# the classic way, with a gate of its own and a network that goes straight
r iptables -t mangle -N DIVERT
r iptables -t mangle -A DIVERT -j MARK --set-mark 1
r iptables -t mangle -A DIVERT -j ACCEPT
r iptables -t mangle -A PREROUTING -p tcp -m socket --transparent -j DIVERT
r iptables -t mangle -A PREROUTING -m addrtype --dst-type LOCAL -j RETURN
r iptables -t mangle -A PREROUTING -i r0 -d $EXTRA4/32 -p tcp -j RETURN
r iptables -t mangle -A PREROUTING -i r0 ! -s 10.99.0.0/16 -p tcp -m multiport --dports 80,8000:8010 \
	-m comment --comment "web through the proxy" -j TPROXY --on-port 3129 --tproxy-mark 1
r ip rule add fwmark 1 lookup 100
r ip route add local default dev lo table 100
flows() { echo "$(seen $SERVER4) $(seen $EXTRA4) $(seen $SERVER4 8080)"; }
is "classic: relayed, excluded, other port" "$(flows)" "relay direct direct"

r iptables-save >"$WORK/rules.txt"
tap_comment <"$WORK/rules.txt" >"$WORK/log/rules"
do_ok "import" loader import "$WORK/rules.txt"
printf '%s\n' "$OUT" >"$WORK/imported.conf"
like "names the rule by its comment" "$OUT" '\[rule web-through-the-proxy\]'
like "import names the rules that are not needed" "$OUT" '# not needed: .*-m socket --transparent -j DIVERT'
unlike "leaves nothing out" "$OUT" 'NOT TRANSLATED'
do_ok "the result is valid" loader check "$WORK/imported.conf"

r iptables -t mangle -F
r ip rule del fwmark 1 lookup 100
is "without the classic rules nothing is relayed" "$(flows)" "direct direct direct"
do_ok "apply" loader apply "$WORK/imported.conf"
is "the same flows are relayed" "$(flows)" "relay direct direct"
is "no IPv6 flow, as before" "$(seen $SERVER6)" direct
do_ok "detach" loader detach --all

r iptables -t mangle -A PREROUTING -p tcp -m length --length 40:100 -j DROP
r iptables-save >"$WORK/more.txt"
try loader import "$WORK/more.txt"
like "nothing to intercept" "$RC $ERR" "^1 .*no line intercepts"
r iptables -t mangle -A PREROUTING -m addrtype --dst-type LOCAL -j RETURN
r iptables -t mangle -A PREROUTING -i r0 -p tcp --dport 80 -j TPROXY --on-port 3129 --tproxy-mark 1
r iptables-save >"$WORK/more.txt"
try loader import "$WORK/more.txt"
like "rules without a counterpart are reported, exit 4" "$RC $ERR" '^4 .*more.txt:[0-9]+: .*length.*no counterpart'
try loader -j import "$WORK/more.txt"
ok "the JSON is as the schema says" valid_json import "$WORK/out"
is "with the same" "$RC $(json_value "[x['needless'] for x in o['left_out']].count(False)" <<<"$OUT")" "4 1"
finish
