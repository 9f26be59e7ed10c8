#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Receivers that do not take what is sent pin little memory in the relay and in the kernel for it,
# also if they took much before. Those that take again get their bytes.
. "$(dirname "$0")/../lib/test.sh"

COUNT=${COUNT:-300}
SMALL=$((256 * 1024)) # bytes for each
EARLY=$((64 * SMALL))  # the first ones have larger windows
prepare
serve_run stall "$SERVER" python3 "$LIB/stall.py" serve 7010
ok "the server listens" wait_for 10 listening "$SERVER" tcp 7010
ulimit -n "$(ulimit -Hn)"
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 7010
bypass_reset

# pinned — prints the bytes that sockets of the relay have in their queues
pinned() {
	r ss -Htmn state connected "( sport = :7010 or dport = :7010 )" |
		sed -n 's/.*skmem:(r\([0-9]*\),.*,w\([0-9]*\),.*/\1 \2/p' | awk '{ n += $1 + $2 } END { print n + 0 }'
}
# budget — prints what all may hold beyond SMALL: a quarter of what the kernel has for TCP
budget() {
	local pages

	read -r _ pages _ </proc/sys/net/ipv4/tcp_mem 2>/dev/null ||
		pages=$(awk '/^MemTotal/ { print int($2 / 16 / 4) }' /proc/meminfo)
	echo $((pages * 1024 < 268435456 ? pages * 1024 : 268435456))
}
stalls() { # WAY ADDRESS [GROW]
	rm -f "$WORK/go"
	: >"$WORK/log/stalls"
	serve_run stalls "$CLIENT" python3 "$LIB/stall.py" "$1" "$2" 7010 "$COUNT" "$WORK/go" "${@:3}"
	ok "$COUNT flows stall ($*)" wait_for 60 grep -q "^stalled $COUNT" "$WORK/log/stalls"
}
# more than a second: what grew is taken back by then
settled_at_most() { [[ $(pinned) -le $1 ]]; }
goes_on() { # LEAST
	local alive

	: >"$WORK/go"
	ok "they go on" wait_for 40 grep -q ^alive "$WORK/log/stalls"
	alive=$(sed -n 's/^alive //p' "$WORK/log/stalls")
	ok "$alive of them, at least $1, get more" test "$alive" -ge "$1"
	ok "the flows are gone" wait_for 20 no_flows
}
no_flows() { [[ -z $(r ss -Htn state connected exclude time-wait "( sport = :7010 or dport = :7010 )") ]]; }

for way in down up; do
	for to in $SERVER4 $SERVER6; do
		[[ $way$to != "up$SERVER4" ]] || continue # one family is enough
		kb=$(relay_kb)
		stalls "$way" "$to"
		echo "# pinned $(($(pinned) / COUNT)) each, resets $(grep -c end=stalled "$RELAY_LOG")"
		at_most "they pin at most 256 KiB each, the first 64 more, in sockets" "$(pinned)" $((COUNT * SMALL + EARLY))
		at_most "and little in the process (kB)" $(($(relay_kb) - kb)) $((COUNT * 24 + 1024))
		goes_on "$COUNT"
	done
done
nok "none of them was reset" grep -q end=stalled "$RELAY_LOG"

stalls down $SERVER4 8000000
limit=$((COUNT * SMALL + $(budget) * 3 / 4))
ok "those that took much before pin at most $limit bytes" wait_for 10 settled_at_most $limit
echo "# pinned $(pinned), resets $(grep -c end=stalled "$RELAY_LOG")"
goes_on 1
bypass_none "no packet went past the relay"
finish
