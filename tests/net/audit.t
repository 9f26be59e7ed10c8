#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# action = audit: flows are forwarded past the relay, and the log has one record of each, with the
# bytes that the programs sent, the client's side of the addresses, and how the flow ended.
TEST_LIMIT=${TEST_LIMIT:-420}
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"

LOGS=()
FLOWS=${FLOWS:-500} # to each address, two of them
apy() { c python3 "$LIB/audit.py" "$@"; }

audit_relay() {
	relay_start --log-format json "$@" || return
	LOGS+=("$RELAY_LOG")
}

# want FILE… — the records of all relays are exactly these
merged() { python3 "$LIB/audit.py" merge "$@" | sort; }
agree() {
	python3 "$LIB/audit.py" records "${LOGS[@]}" >"$WORK/got"
	diff <(merged "$@") <(merged "$WORK/got") >"$WORK/difference"
}
want() { # NAME SECONDS FILE…
	local name=$1 limit=$2
	shift 2
	if ! wait_for "$limit" agree "$@"; then
		agree "$@"
		head -20 "$WORK/difference" | tap_comment
	fi
	is "$name" "$(wc -l <"$WORK/difference") differences" "0 differences"
}
attached() { r tc filter show dev r0 egress | grep -c tproxy_egress; }
linked() { [[ -e $PINS/links/$(r ip -o link show r0 | cut -d : -f 1)_egress ]]; }
there() { linked || [[ $(attached) -eq 1 ]]; } # the kernel may have no tcx

prepare
serve_run audit-server "$SERVER" python3 "$LIB/audit.py" serve 7100
ok "the server is up" wait_for 10 grep -q serving "$WORK/log/audit-server"
snapshot >"$WORK/before"

# --- where tproxy_egress is ---

do_ok "attach" loader attach r0 --ports 80
is "without an audit rule no program sees what leaves" "$(there && echo there)" ""
do_ok "an audit rule" loader rule add watch --action audit --ports 7100,7101 --proto tcp+udp
like "says that it attaches the program" "$ERR" "attach tproxy_egress to r0"
ok "which is there now" there
is "test knows the action" \
	"$(loader -j test tcp $CLIENT4 $SERVER4:7100 | json_value "o['verdict'], o['rule']")" \
	"('audit', 'watch')"
ok "the relay starts" audit_relay --workers 2

# --- bytes and ends ---

bytes() { # NAME FILE ADDRESS…
	local name=$1 file=$2
	shift 2
	try apy flows 7100 "$FLOWS" "$name" "$@"
	is "$name: all flows work" "$RC $(wc -l <"$WORK/out")" "0 $((FLOWS * $#))"
	cp "$WORK/out" "$file"
}
bytes "both families" "$WORK/first" $SERVER4 $SERVER6
is "no socket of the relay saw them" "$(grep -c '"event":"flow".*"source"' "$RELAY_LOG")" 0

apy reuse 7100 20 $SERVER4 >"$WORK/reuse4"
apy reuse 7100 20 $SERVER6 >"$WORK/reuse6"
is "one port for many flows" "$(cat "$WORK"/reuse? | cut -d ' ' -f 3 | sort -u | wc -l)" 2

# SYNs that are refused, and SYNs without an answer
for to in $SERVER4 $SERVER6; do
	echo "$(apy refused 7101 "$to" | sed "s/ / $([[ $to == *:* ]] && echo $CLIENT6 || echo $CLIENT4) /") $to 0 0 connect-failed"
done >"$WORK/refused"
is "no flow was counted twice or missed" "$(counter audit_full) $(counter audit_lost)" "0 0"

# --- behind us netfilter changes addresses ---

r nft -f - <<-'NFT'
	table inet audit_nat {
		chain post {
			type nat hook postrouting priority srcnat
			oifname r1 masquerade
		}
	}
NFT
FLOWS=25
do_ok "the same by clsact" loader attach r0 --hook clsact
is "the egress program follows" "$(attached) $(linked && echo link)" "1 "
bytes "masquerade, clsact" "$WORK/nat" $SERVER4 $SERVER6
r nft delete table inet audit_nat

# --- an upgrade pins the table before the program that deletes from it ---

relay_stop
mv "$PINS/progs/tproxy_audit" "$PINS/progs/hidden"
ok "the relay starts without it" audit_relay --workers 2
FLOWS=5
bytes "no program yet" "$WORK/hidden" $SERVER4
sleep 3 # some looks at the table
mv "$PINS/progs/hidden" "$PINS/progs/tproxy_audit"

# --- the relay is killed and replaced ---

FLOWS=150
(apy flows 7100 $FLOWS killed $SERVER4 $SERVER6 >"$WORK/killed") &
BUSY=$!
wait_for 20 test -s "$WORK/killed"
stop "$RELAY_PID" KILL
RELAY_PID=
ok "a killed relay starts again" audit_relay --workers 2
OLD=$RELAY_PID
ok "another one takes over" audit_relay --workers 2
ok "and the old one ends" wait_for 20 process_gone "$OLD"
ok "flows went on meanwhile" wait "$BUSY"

want "each flow has one record, with its bytes and its end" 150 "$WORK"/{first,reuse4,reuse6,refused,nat,hidden,killed}

# --- without a relay, and with a full table ---

relay_stop
FLOWS=10
bytes "without a relay" "$WORK/none" $SERVER4
fill() { python3 "$LIB/audit.py" fill "$PINS/internal/audited" "$1"; }
do_ok "a table that is full of open flows" fill open
bytes "the table is full" "$WORK/full" $SERVER4
is "what does not fit is counted" "$(($(counter audit_full) >= FLOWS))" 1
at_most "and no open flow is dropped from the table" "$(counter audit_lost)" "$FLOWS" # those that ended before
do_ok "a table that is full of ended flows" fill ended
before=$(counter audit_full) lost=$(counter audit_lost)
bytes "ended flows make room" "$WORK/room" $SERVER4
is "for all new ones" "$(counter audit_full)" "$before"
is "records that nobody read are counted" "$(($(counter audit_lost) >= lost + FLOWS))" 1

# --- repair and removal ---

do_ok "tcx again, if there is tcx" loader attach r0
rm -f "$PINS"/links/*_egress
r tc filter del dev r0 egress 2>/dev/null
like "status says that the egress program is gone" "$(loader -j status)" egress-missing
do_ok "attach repairs it" loader attach r0
ok "it is there again" there
is "status is content" "$(loader -j status | json_value "[p['id'] for p in o['problems'] if 'egress' in p['id']]")" "[]"
do_ok "the rule goes" loader rule del watch
is "and the program with it" "$(attached)$(linked && echo link)" "0"
do_ok "detach" loader detach --all
unchanged "nothing is left" "$WORK/before"
grep -h '^{' "${LOGS[@]}" >"$WORK/records"
ok "every record is as the schema says" valid_lines relay-log "$WORK/records"
finish
