#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""UDP datagrams whose IP headers matter: both ends set TTL, DSCP and ECN, and DF, and report
what arrived.

    dgram.py serve PORT             both families; answers as each datagram asks, from the address
                                    asked, with the sender and the header that it saw; echoes other
                                    datagrams
    dgram.py ask ADDR PORT [KEY=N]  sends and prints each different outcome once, with its number
        ttl=64 tos=0 size=100       of what is sent
        df=1                        0: may be fragmented, 1: as the system does, 2: never here
        back-ttl= back-tos= back-size= back-df=     of the answer
        count=1                     one after the other
        gso=1                       datagrams of a send, and of an answer's send
        from=ADDR port=N            ours
        wait=2                      seconds for an answer
    dgram.py too-big SERVER CLIENT PORT CLIENT-PORT MTU     the ICMP error of a router after us

An outcome is "ADDR ttl T tos S size N, back ttl T tos S size N", or an error with the path's MTU.
"""
import errno
import json
import selectors
import socket
import struct
import sys

IP_MTU_DISCOVER, IP_MTU, IP_RECVTTL, IP_RECVTOS = 10, 14, 12, 13
IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS = 49, 51, 66
IPV6_UNICAST_HOPS, IPV6_TCLASS, IPV6_HOPLIMIT = 16, 67, 52
IPV6_MTU_DISCOVER, IPV6_MTU, IPV6_PKTINFO = 23, 24, 50
UDP_SEGMENT = 103
BUFFER = 70000


def make(family):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET:
        for option in (IP_RECVTTL, IP_RECVTOS, 8):
            sock.setsockopt(0, option, 1)
    else:
        sock.setsockopt(41, 26, 1) # IPV6_V6ONLY
        for option in (IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS):
            sock.setsockopt(41, option, 1)
    return sock


def set_fields(sock, ttl, tos, df):
    if sock.family == socket.AF_INET:
        sock.setsockopt(0, 2, ttl)
        sock.setsockopt(0, 1, tos)
        sock.setsockopt(0, IP_MTU_DISCOVER, df)
    else:
        sock.setsockopt(41, IPV6_UNICAST_HOPS, ttl)
        sock.setsockopt(41, IPV6_TCLASS, tos)
        sock.setsockopt(41, IPV6_MTU_DISCOVER, df)


def receive(sock):
    """data, peer, ttl, tos, control message that answers from the address asked"""
    data, control, _, peer = sock.recvmsg(BUFFER, 512)
    ttl = tos = 0
    source = []
    for level, kind, value in control:
        if (level, kind) in ((0, 2), (41, IPV6_HOPLIMIT)):
            ttl = struct.unpack("i", value)[0]
        elif (level, kind) == (0, 1):
            tos = value[0]
        elif (level, kind) == (41, IPV6_TCLASS):
            tos = struct.unpack("i", value)[0]
        elif (level, kind) == (0, 8):
            source = [(0, 8, bytes(4) + value[8:12] + bytes(4))]
        elif (level, kind) == (41, IPV6_PKTINFO):
            source = [(41, IPV6_PKTINFO, value[:16] + bytes(4))]
    return data, peer, ttl, tos, source


def padded(what, size):
    return json.dumps(what).encode().ljust(size)


def answer(sock):
    data, peer, ttl, tos, source = receive(sock)
    try:
        want = json.loads(data)
    except ValueError:
        sock.sendmsg([data], source, 0, peer)
        return
    set_fields(sock, want["ttl"], want["tos"], want["df"])
    saw = {"addr": peer[0], "port": peer[1], "ttl": ttl, "tos": tos, "size": len(data)}
    out = padded(saw, want["size"])
    if want["gso"] > 1:
        source = source + [(17, UDP_SEGMENT, struct.pack("H", len(out)))]
    try:
        sock.sendmsg([out * want["gso"]], source, 0, peer)
    except OSError as error:
        print(len(out), errno.errorcode[error.errno], flush=True)


def cmd_serve(port):
    select = selectors.DefaultSelector()
    for family, address in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
        sock = make(family)
        sock.bind((address, int(port)))
        sock.setblocking(False)
        select.register(sock, selectors.EVENT_READ)
    while True:
        for key, _ in select.select():
            try:
                answer(key.fileobj)
            except BlockingIOError:
                pass
            except OSError as error: # an ICMP error of an earlier answer
                print(errno.errorcode.get(error.errno), flush=True)


def mtu(sock):
    v4 = sock.family == socket.AF_INET
    return sock.getsockopt(0 if v4 else 41, IP_MTU if v4 else IPV6_MTU)


def dial(host, port, options):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = make(family)
    sock.setsockopt(*((0, 11) if family == socket.AF_INET else (41, 25)), 1) # IP_RECVERR
    sock.bind((options.get("from", ""), int(options.get("port", 0))))
    set_fields(sock, int(options.get("ttl", 64)), int(options.get("tos", 0)),
               int(options.get("df", 1)))
    sock.connect((host, int(port)))
    sock.settimeout(float(options.get("wait", 2)))
    return sock


def outcomes(sock, out, gso):
    """The outcome of one send."""
    try:
        sock.sendmsg([out * gso], [(17, UDP_SEGMENT, struct.pack("H", len(out)))] if gso > 1 else [])
        for _ in range(gso * gso):
            data, _, ttl, tos, _ = receive(sock)
            saw = json.loads(data)
            yield (f"{saw['addr']} ttl {saw['ttl']} tos {saw['tos']} size {saw['size']}, "
                   f"back ttl {ttl} tos {tos} size {len(data)}")
    except socket.timeout:
        yield "nothing"
    except OSError as error:
        name = errno.errorcode[error.errno]
        yield f"{name} {mtu(sock)}" if name == "EMSGSIZE" else name


def cmd_ask(host, port, *pairs):
    options = dict(pair.split("=", 1) for pair in pairs)
    sock = dial(host, port, options)
    gso = int(options.get("gso", 1))
    want = {"ttl": int(options.get("back-ttl", 64)), "tos": int(options.get("back-tos", 0)),
            "size": int(options.get("back-size", 100)), "df": int(options.get("back-df", 1)),
            "gso": gso}
    out = padded(want, int(options.get("size", 100)))
    seen = {}
    for _ in range(int(options.get("count", 1))):
        for outcome in outcomes(sock, out, gso):
            seen[outcome] = seen.get(outcome, 0) + 1
    for outcome, times in seen.items():
        print(outcome if len(seen) == 1 else f"{times} {outcome}", flush=True)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def cmd_too_big(server, client, port, client_port, mtu_there):
    udp = struct.pack("!HHHH", int(port), int(client_port), 1400, 0)
    if ":" in server:
        quote = struct.pack("!IHBB", 6 << 28, 1400, 17, 60)
        quote += socket.inet_pton(socket.AF_INET6, server) + socket.inet_pton(socket.AF_INET6, client)
        sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        sock.sendto(struct.pack("!BBHI", 2, 0, 0, int(mtu_there)) + quote + udp, (server, 0))
        return
    quote = struct.pack("!BBHHHBBH", 0x45, 0, 1420, 1, 0x4000, 60, 17, 0)
    quote += socket.inet_aton(server) + socket.inet_aton(client)
    body = quote + udp
    head = struct.pack("!BBHHH", 3, 4, 0, 0, int(mtu_there))
    head = struct.pack("!BBHHH", 3, 4, checksum(head + body), 0, int(mtu_there))
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sock.sendto(head + body, (server, 0))


def main():
    command = globals().get("cmd_" + sys.argv[1].replace("-", "_")) if len(sys.argv) > 1 else None
    if not command:
        sys.exit(__doc__)
    try:
        command(*sys.argv[2:])
    except OSError as error:
        sys.exit(f"dgram.py {sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
