# SPDX-License-Identifier: BSD-2-Clause
# forge.py TO QUOTED PORT QUOTED_TO PORT [PAUSE] — sends an ICMP error "port unreachable" that
# quotes a UDP datagram that was never sent: one error, or one every PAUSE seconds without end.
import socket
import struct
import sys
import time


def checksum(data):
    n = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    n = (n >> 16) + (n & 0xffff)
    return ~(n + (n >> 16)) & 0xffff


def error(family, src, dst):
    addresses = b"".join(socket.inet_pton(family, a) for a in (src[0], dst[0]))
    udp = struct.pack("!HHHH", src[1], dst[1], 8, 0)
    if family == socket.AF_INET6:
        quote = struct.pack("!IHBB", 6 << 28, 8, 17, 64) + addresses + udp
        return struct.pack("!BBHI", 1, 4, 0, 0) + quote
    quote = struct.pack("!BBHHHBBH", 0x45, 0, 28, 0, 0, 64, 17, 0) + addresses + udp
    message = struct.pack("!BBHI", 3, 3, 0, 0) + quote
    return struct.pack("!BBHI", 3, 3, checksum(message), 0) + quote


def main():
    to, src, sport, dst, dport = sys.argv[1:6]
    pause = float(sys.argv[6]) if len(sys.argv) > 6 else None
    v6 = ":" in to
    family = socket.AF_INET6 if v6 else socket.AF_INET
    message = error(family, (src, int(sport)), (dst, int(dport)))
    proto = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP
    raw = socket.socket(family, socket.SOCK_RAW, proto)
    raw.sendto(message, (to, 0))
    while pause is not None:
        time.sleep(pause)
        raw.sendto(message, (to, 0))


main()
