#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Bytes that a receiver does not take stay with the sender. The relay holds its socket buffers and
# as much as one pipe for each direction, no more, and frees all of it afterwards.
. "$(dirname "$0")/../lib/test.sh"

FLOWS=8
BUFFER=1048576 # the most that a socket buffer may become
PIPE=1048576
prepare peer
r sysctl -qw net.ipv4.tcp_rmem="4096 131072 $BUFFER" net.ipv4.tcp_wmem="4096 16384 $BUFFER"
ok "the relay starts" relay_start --workers 1
do_ok "attach" loader attach r0 --ports 7007
is "a flow is whole" "$(play $SERVER4 send=5000000 send=5000000)" \
	"client 5000000 same fin, server 5000000 same fin"
bypass_reset

# both ends of each flow: received from the server, and acknowledged by the client
counted() {
	r ss -Htin state connected "( sport = :7007 or dport = :7007 )" |
		awk '{ for (i = 1; i <= NF; i++) {
			if ($i ~ /^bytes_received:/) { sub(/.*:/, "", $i); got += $i }
			if ($i ~ /^bytes_acked:/) { sub(/.*:/, "", $i); given += $i }
		} } END { print got + 0, given + 0 }'
}
stalled() { # nothing has moved for a moment, and much is held
	local before

	before=$(counted)
	sleep 0.5
	[[ ${before% *} -gt $((FLOWS * 500000)) && $before == "$(counted)" ]]
}

kb=$(relay_kb) pool=$(relay_pipes)
for ((i = 0; i < FLOWS; i++)); do
	# every other one when it is bulk, those between while they are still copied
	play $SERVER4 stall=60000,stallat=$((i % 2 * 20000000)) send=100000000 >/dev/null 2>&1 &
done
ok "$FLOWS receivers stall, and all comes to a halt" wait_for 30 stalled
read -r got given < <(counted)
held=$(((got - given) / FLOWS))
at_most "no flow holds more than two socket buffers and a pipe: $held bytes" $held $((2 * BUFFER + PIPE))
at_most "the process itself has at most what was in a pipe for each (kB)" $(($(relay_kb) - kb)) $((FLOWS * PIPE / 1024 + 256))
at_most "there are no more pipes than flows" "$(($(relay_pipes) - pool))" $((2 * FLOWS))
before=$(relay_ticks)
ok "nothing moves" stalled
at_most "the relay sleeps (ticks of 10 ms)" "$(($(relay_ticks) - before))" 5

for pid in $(jobs -p); do
	pkill -KILL -P "$pid"
done
wait
ok "the flows end" relay_says "$(record tcp $CLIENT4 $SERVER4 7007 '.* up=[0-9]+ down=[0-9]{6,} .*end=client-rst')"
is "the next flow is whole" "$(play $SERVER4 send=5000000,seed=8 send=5000000,seed=9)" \
	"client 5000000 same fin, server 5000000 same fin"
bypass_none "no packet went past the relay"
finish
