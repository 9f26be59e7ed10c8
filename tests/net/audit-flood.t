#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# action = audit: a client that forges addresses cannot fill the log. Flows that it does not complete
# cause few records and no begin records; they are counted instead. Other flows have their records.
. "$(dirname "$0")/../lib/test.sh"

CONF=$WORK/relay.conf

# forge.py HOW COUNT — packets with the source 10.77.1.77, which nobody has
cat >"$WORK/forge.py" <<'PY'
import socket, struct, sys

how, count, dst = sys.argv[1], int(sys.argv[2]), sys.argv[3]
src, port = "10.77.1.77", 81


def total(data):
    data += b"\0" * (len(data) % 2)
    value = sum(struct.unpack(f">{len(data) // 2}H", data))
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return ~value & 0xffff


def packet(proto, data):
    ends = socket.inet_aton(src) + socket.inet_aton(dst)
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0, 64, proto, 0) + ends + data


def segment(sport, seq, flags):
    ends = socket.inet_aton(src) + socket.inet_aton(dst)
    tcp = struct.pack(">HHIIBBHHH", sport, port, seq, 0, 0x50, flags, 1000, 0, 0)
    check = total(ends + struct.pack(">BBH", 0, 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack(">H", check) + tcp[18:]
    return packet(6, tcp)


SYN, RST = 2, 4
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for n in range(count):
    if how == "reset":
        raw.sendto(segment(1000 + n, 7, SYN), (dst, 0))
        raw.sendto(segment(1000 + n, 8, RST), (dst, 0))
    elif how == "again":
        raw.sendto(segment(999, n * 100000, SYN), (dst, 0))
    elif how == "silent":
        raw.sendto(packet(17, struct.pack(">HHHH", 1000 + n, port, 8, 0)), (dst, 0))
print(count)
PY

# counted END — flows that were left out; written END — those that were not
counted() {
	awk -v end="ended $1 in" 'index($0, "10.77.1.77:") && index($0, end) { n += $4 } END { print n + 0 }' "$RELAY_LOG"
}
lost() { counter audit_lost 2>/dev/null || echo 0; }
written() { grep -Ec "10\.77\.1\.77:.*end=$1( |\$)" "$RELAY_LOG"; }
accounted() { [[ $(($(counted "$1") + $(written "$1") + $(lost))) -ge $2 ]]; }

flood() { # HOW COUNT END LEAST
	local before
	before=$(wc -c <"$RELAY_LOG")
	is "$1: $2 flows" "$(c python3 "$WORK/forge.py" "$1" "$2" $SERVER4)" "$2"
	ok "$1: each is written, or counted as left out or lost" wait_for 30 accounted "$3" "$4"
	at_most "$1: the records" "$(written "$3")" 100
	at_most "$1: the bytes" $(($(wc -c <"$RELAY_LOG") - before)) 25000
}

prepare nginx
printf '[relay]\nlog-begin = yes\n' >"$CONF"
ok "the relay starts" relay_start -c "$CONF"
do_ok "attach" loader attach r0 --ports 85
do_ok "an audit rule" loader rule add watch --action audit --ports 80,81 --proto tcp+udp
# so that no ICMP error says that the port is closed
s nft -f - <<<'table inet silent { chain input { type filter hook input priority 0; udp dport 81 drop; }; }'
flood reset 3000 client-rst 3000
flood again 3000 reused 2999
is "no begin is written" "$(grep -c '10\.77\.1\.77:.* start$' "$RELAY_LOG")" 0
ok "a flow" direct $SERVER4
ok "has an end" relay_says "$(record tcp $CLIENT4 $SERVER4 80 '.*via=forwarded.*end=client-fin')"
ok "and a begin" relay_says "$(record tcp $CLIENT4 $SERVER4 80 '.* start$')"

# A datagram asks for no answer, but from a forged address none comes. These flows end with the state.
before=$(wc -c <"$RELAY_LOG")
is "silent: 3000 flows" "$(c python3 "$WORK/forge.py" silent 3000 $SERVER4)" 3000
do_ok "the state is removed" loader detach --all
ok "silent: each is written, or counted as left out" wait_for 30 accounted drain 3000
at_most "silent: the records" "$(written drain)" 100
at_most "silent: the bytes" $(($(wc -c <"$RELAY_LOG") - before)) 25000
is "no begin of them is written" "$(grep -c '10\.77\.1\.77:.* start$' "$RELAY_LOG")" 0
finish
