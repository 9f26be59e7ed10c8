#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# --json prints one valid object with schema 1 and true contents.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/schema.sh
. "$LIB/schema.sh"

prepare nginx
ok "the relay starts" relay_start --log-format json

valid() { # DESCRIPTION SCHEMA ARGS…
	local what=$1 name=$2
	shift 2

	do_ok "$what: succeeds" loader "$@"
	ok "$what: is as the schema says" valid_json "$name" "$WORK/out"
	is "$what: schema" "$(json_value "o['schema']" <<<"$OUT")" 1
}

# Commands without an answer print nothing.
silent=' attach detach clean cidr port run shim '
while read -r command; do
	[[ $silent == *" $command "* ]] ||
		ok "$command has a schema" compgen -G "$TOP/tests/schema/$command*.json"
done < <(loader --help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
valid "features" features features --json
try loader -j status
is "status without a state: exit code" "$RC" 3
ok "it is as the schema says" valid_json status "$WORK/out"
do_ok "attach" loader attach r0 --ports 22,80,udp/53 --to 10.77.2.0/24,fd77:2::/64
ok "flows go through the relay" steering $SERVER4 $SERVER6
valid "status" status status --json
is "the interface" "$(json_value "[i['name'] for i in o['interfaces']]" <<<"$OUT")" "['r0']"
is "its index" "$(json_value "o['interfaces'][0]['ifindex']" <<<"$OUT")" \
	"$(r ip -o link show r0 | cut -d: -f1)"
like "its hook" "$(json_value "o['interfaces'][0]['hook']" <<<"$OUT")" '^(tcx|clsact)$'
is "the rule" "$(json_value "[(r['index'], r['name'], r['action']) for r in o['rules']]" <<<"$OUT")" \
	"[(0, 'default', 'proxy')]"
is "its flows are a number above none" "$(json_value "o['rules'][0]['flows'] > 0" <<<"$OUT")" True
is "counters are numbers" "$(json_value "all(isinstance(v, int) for v in o['counters'].values())" <<<"$OUT")" True
is "and how they fared in the last minute" \
	"$(json_value "(lambda m: m['started'] > 0 and m['delivered'] == m['started'])(o['rules'][0]['last_minute'])" <<<"$OUT")" True
is "steered flows are counted" "$(json_value "o['counters']['steered'] > 0" <<<"$OUT")" True
is "each counter of the header exists" "$(json_value "' '.join(sorted(o['counters']))" <<<"$OUT")" \
	"$(sed -n '/^#define TPROXY_COUNTERS/,/^enum/s/^	X([A-Z_0-9]*, "\([a-z_]*\)".*/\1/p' "$TOP/include/tproxy.h" | LC_ALL=C sort | xargs)"
is "the verdict" "$(json_value "o['verdict'], o['problems']" <<<"$OUT")" "('ok', [])"
is "the rule's listeners" "$(json_value "o['rules'][0]['listeners']" <<<"$OUT")" \
	"{'tcp4': 'ok', 'tcp6': 'ok', 'udp4': 'ok', 'udp6': 'ok'}"
valid "status of one interface" status status r0 --json
valid "with probes" status status --probe --json
is "which arrive" "$(json_value "o['probes_sent'] == o['probes_arrived'] > 3" <<<"$OUT")" True
ip -n "$ROUTER" -4 rule del pref 150
try loader -j status
is "a broken state: exit code, verdict" "$RC $(json_value "o['verdict']" <<<"$OUT")" "5 broken"
is "a problem has all keys" "$(json_value "[sorted(p.items()) for p in o['problems']][0][:4]" <<<"$OUT")" \
	"[('id', 'rule-missing'), ('interface', 'r0'), ('next', 'tproxy-loader attach r0; tproxy-loader watch restores it'), ('text', 'the IPv4 routing rule is missing: intercepted IPv4 flows do not arrive')]"
do_ok "attach repairs it" loader attach r0
valid "a test" test test tcp $CLIENT4 $SERVER4:80 --json
is "its keys" "$(json_value "' '.join(sorted(o))" <<<"$OUT")" \
	"arrives attached interface listener problems proxy rule rule_index schema verdict"
do_ok "a rule for one interface" loader rule add seen --interface r0 --action audit --ports 7007
valid "the rule list" rule-list rule list --json
is "has it" "$(json_value "[(r['action'], r['interface']) for r in o['rules'] if r['name'] == 'seen']" <<<"$OUT")" \
	"[('audit', ['r0'])]"
valid "the listeners" listeners listeners --json
is "has those of the relay" "$(json_value "all(l['group'] == 0 and l['rules'] for l in o['listeners']) and not o['missing']" <<<"$OUT")" True
valid "what is adopted" adopt adopt --list --json
valid "the version" version version --json
valid "the saved policy" save save --json
valid "a confirmation" confirm confirm --json
ok "-j before the verb is the same" loader -j status
is "the default command is status" "$(loader -j | json_value "o['schema']")" 1

# the relay's records, one object a line
wait_for 10 grep -q '"dst_port"' "$RELAY_LOG"
records() { grep '"dst_port"' "$RELAY_LOG" | head -1; }
record=$(records)
is "a record has all keys" "$(json_value "' '.join(sorted(set(o) - {'errno', 'reason'}))" <<<"$record")" \
	"bytes_down bytes_up client client_port dst dst_port duration_ms end event id proto schema source source_port time"
is "the record names the flow" \
	"$(json_value "(o['schema'], o['proto'], o['client'], o['dst'], o['dst_port'], o['source'])" <<<"$record")" \
	"(1, 'tcp', '$CLIENT4', '$SERVER4', 80, '$ROUTER4')"
like "the time is RFC 3339" "$(json_value "o['time']" <<<"$record")" '^20[0-9-]+T[0-9:.]+Z$'
do_ok "a closed port is added" loader port add tcp/81
is "a failing flow" "$(cpy probe $SERVER4 81)" "connected reset"
ok "is recorded" wait_for 10 grep -q '"dst_port":81,' "$RELAY_LOG"
is "with its reason" "$(grep '"dst_port":81,' "$RELAY_LOG" | json_value "(o['end'], o['errno'])")" \
	"('connect-failed', 'ECONNREFUSED')"
grep '^{' "$RELAY_LOG" >"$WORK/records"
ok "every line is as the schema says" valid_lines relay-log "$WORK/records"
finish
