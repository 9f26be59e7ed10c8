#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# 20 000 idle connections, and 500 new ones each second for a minute: no error, and the memory of
# the relay does not grow. Where one relay cannot have enough descriptors, several share the
# connections: each takes over from the previous one when it has its share. At the end one more
# takes over, and all 20 000 still work. CROWD=N, CROWD_SECONDS=N, CROWD_RATE=N set other numbers;
# CROWD_RATE=auto means half of what the machine carries, at most 500.
TEST_LIMIT=$((180 + ${CROWD_SECONDS:-60}))
. "$(dirname "$0")/../lib/test.sh"

LOAD=$TOP/build/tests/helpers/load
[[ -x $LOAD ]] || skip_inside "$LOAD is not built (make tests)"
CROWD=${CROWD:-20000}
LASTING=${CROWD_SECONDS:-60}
RATE=${CROWD_RATE:-500}

# Two descriptors for each. A quarter is for UDP and the relay itself; the new ones need some.
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
room=$(ulimit -n)
room=$((room * 3 / 4 / 2 - 500))
[[ $room -ge 1000 ]] || skip_inside "the limit of open files is $(ulimit -n)"
relays=$(((CROWD + room - 1) / room))
share=$(((CROWD + relays - 1) / relays))
CROWD=$((share * relays))

prepare
for ns in "$CLIENT" "$ROUTER" "$SERVER"; do
	nsenter --net="/run/netns/$ns" sysctl -qw net.ipv4.ip_local_port_range='1024 65535' \
		net.ipv4.tcp_max_syn_backlog=8192 net.core.somaxconn=8192
done
# their limit is the same; they share the port, evenly
for ((i = 0; i < relays; i++)); do
	serve_run load "$SERVER" "$LOAD" server 7007
done
wait_for 10 listening "$SERVER" tcp 7007 || fatal "the server starts"
ok "the relay starts" relay_start --max-flows-per-source 0
do_ok "attach" loader attach r0 --ports 7007
ok "one flow" c "$LOAD" rr $SERVER4 7007 0.1 1 1
if [[ $RATE == auto ]]; then
	read -r served took _ < <(c "$LOAD" crr $SERVER4 7007 5 16)
	RATE=$(awk -v n="$served" -v s="$took" 'BEGIN { r = int(n / s / 2); print r < 500 ? r : 500 }')
	echo "# measured: $served connections in $took s, 16 at a time"
fi
bypass_reset
r nft -f - <<-'NFT'
	table inet crowd {
		counter past { }
		chain forward {
			type filter hook forward priority 1
			iifname r0 tcp flags & (syn | psh) != 0 counter name past
		}
	}
NFT

# --- what it takes: of all relays, and in the kernel for the router's sockets ---

PIDS=("$RELAY_PID")
rss() {
	local dirs=("${@/#//proc/}")

	awk '/^VmRSS/ { sum += $2 * 1024 } END { print sum }' "${dirs[@]/%//status}"
}
descriptors() {
	local dirs=("${@/#//proc/}")

	find "${dirs[@]/%//fd}" -mindepth 1 | wc -l
}
# bytes in queues or set aside for them, in all states but TIME_WAIT
queues() {
	r ss -Htnam | grep -o 'skmem:([^)]*' | awk -F, '
		{ gsub(/[^0-9,]/, ""); sum += $1 + $5 + $6 } END { print sum + 0 }'
}
report() { # WHEN
	echo "# measured, $1: RSS $(rss "${PIDS[@]}"), descriptors $(descriptors "${PIDS[@]}"), queues $(queues);" \
		"router: $(r sed -n 's/^TCP: //p' /proc/net/sockstat)"
}

# --- the crowd ---

HOLDERS=()
# or it failed, and has ended
settled() { grep -q up "$WORK/log/crowd$1" || process_gone "${HOLDERS[$1]}"; }
take_over() {
	local old=$RELAY_LOG

	relay_start --max-flows-per-source 0 && PIDS+=("$RELAY_PID") && wait_for 10 grep -q 'flows that are left end here' "$old"
}

report "no connection"
for ((i = 0; i < relays; i++)); do
	((i == 0)) || ok "another relay takes over" take_over
	empty=$(rss "$RELAY_PID")
	serve_run "crowd$i" "$CLIENT" "$LOAD" crowd $SERVER4 7007 86400 $share 0
	HOLDERS+=("${SERVE_PIDS[-1]}")
	wait_for 200 settled $i
	ok "$share connections are open" grep -q up "$WORK/log/crowd$i"
	like "this relay has them: $(descriptors "$RELAY_PID") descriptors" \
		"$(($(descriptors "$RELAY_PID") >= 2 * share))" 1
	each=$((($(rss "$RELAY_PID") - empty) / share))
	at_most "it has grown by at most 1 KiB for each: $each bytes" $each 1024
done

# --- new ones beside it ---

report "$CROWD idle"
full=$(rss "${PIDS[@]}")
open=$(descriptors "${PIDS[@]}")
queued=$(queues)
serve_run new "$CLIENT" "$LOAD" crowd $SERVER4 7007 "$LASTING" 0 "$RATE"
peak=$full sampled=
over() {
	if [[ $SECONDS != "$sampled" ]]; then
		sampled=$SECONDS
		peak=$(printf '%s\n' "$peak" "$(rss "${PIDS[@]}")" | sort -n | tail -n 1)
	fi
	[[ $(wc -l <"$WORK/log/new") -ge 2 ]]
}
ok "$CROWD idle, and $RATE new each second for $LASTING s" wait_for $((LASTING + 60)) over
read -r dialled served _ < <(tail -n 1 "$WORK/log/new")
is "all of the $dialled were served" "$((dialled > LASTING * RATE * 9 / 10)) $served" "1 $dialled"
report "after $served more, $RATE a second for $LASTING s"
at_most "memory stays what it was: at most $((peak - full)) bytes more" $((peak - full)) 1048576
as_before() { [[ $(descriptors "${PIDS[@]}") -le $open && $(queues) -le $((queued + 65536)) ]]; }
ok "descriptors are as before, and the kernel's queues" wait_for 10 as_before

# --- the crowd is still there ---

ok "one relay more takes over" take_over
tell() { # SIGNAL
	local pid

	for pid in "${HOLDERS[@]}"; do
		kill "-$1" "$pid"
	done
}
asked() { [[ $(cat "$WORK"/log/crowd* | grep -c alive) -eq $relays ]]; }
left() { for pid in "${HOLDERS[@]}"; do process_gone "$pid" || return; done; }
tell USR1
ok "all are asked" wait_for 100 asked
is "$CROWD idle connections work, over $relays relays that retired" \
	"$(awk '/alive/ { sum += $2 } END { print sum }' "$WORK"/log/crowd*)" $CROWD
bypass_none "no packet went past the relay"
tell TERM
ok "all end" wait_for 100 left
is "each in order" "$(awk 'NF == 3 { sum += $3 } END { print sum }' "$WORK"/log/crowd*)" $CROWD
retired() { for pid in "${PIDS[@]::relays}"; do process_gone "$pid" || return; done; }
ok "the relays that retired end" wait_for 30 retired
ok "the last one serves" c "$LOAD" rr $SERVER4 7007 0.1 1 1
is "no connection was shed" "$(grep -Eh 'end=(limit|evicted)|warn' "$WORK"/log/relay.* | grep -v 'user tproxy')" ""
# What a client repeats, a FIN or the last ACK, may find that the socket is gone and be forwarded.
echo "# measured, after the end: $(bypassed tcp) packets past the relay"
is "no begin and no data" "$(packets r inet crowd past)" 0
# nobody wants to read 50 000 records if something else failed
sed -i '/ end=\(client\|server\)-fin$/d' "$WORK"/log/relay.*
finish
