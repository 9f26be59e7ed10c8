#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""TTL and TOS of the TCP packets of a flow, and flows that set them.

    sniff IF                    TCP packets there until killed, a line each: "in|out FLAGS FROM >
                                TO ttl TTL tos TOS", ports after the last dot
    talk HOST PORT TTL TOS      a connection to an echo server; "heard", or how it failed
    trace HOST PORT TTL         a SYN as `traceroute -T` sends it: "expired REPORTER",
                                "connected", or how it failed
"""
import errno
import socket
import struct
import sys

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86dd
IP_RECVERR, IPV6_RECVERR = 11, 25
TCP = 6
TIME_EXCEEDED = {socket.AF_INET: (2, 11), socket.AF_INET6: (3, 3)}  # origin and type
FLAGS = ((2, "S"), (1, "F"), (4, "R"), (8, "P"), (16, "A"))


def describe(packet):
    """The line for an IP packet, None: not TCP."""
    if packet[0] >> 4 == 4:
        head, proto, ttl, tos = (packet[0] & 15) * 4, packet[9], packet[8], packet[1]
        family, at, size = socket.AF_INET, 12, 4
    else:
        head, proto, ttl, tos = 40, packet[6], packet[7], (packet[0] << 4 | packet[1] >> 4) & 255
        family, at, size = socket.AF_INET6, 8, 16
    if proto != TCP:
        return None
    src, dst = (socket.inet_ntop(family, packet[i:i + size]) for i in (at, at + size))
    sport, dport = struct.unpack_from("!HH", packet, head)
    bits = packet[head + 13]
    flags = "".join(name for bit, name in FLAGS if bits & bit)
    return f"{flags} {src}.{sport} > {dst}.{dport} ttl {ttl} tos {tos:#04x}"


def cmd_sniff(device):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
    sock.bind((device, ETH_P_ALL))
    print("ready", flush=True)
    while True:
        packet, origin = sock.recvfrom(256)
        line = describe(packet) if origin[1] in (ETH_P_IP, ETH_P_IPV6) else None
        if line:
            print("out" if origin[2] == socket.PACKET_OUTGOING else "in", line, flush=True)


def tcp_socket(host, ttl, tos):
    v6 = ":" in host
    sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
    level = socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP
    sock.setsockopt(level, socket.IPV6_UNICAST_HOPS if v6 else socket.IP_TTL, ttl)
    sock.setsockopt(level, socket.IPV6_TCLASS if v6 else socket.IP_TOS, tos)
    sock.settimeout(10)
    return sock


def error_name(error):
    if isinstance(error, socket.timeout):
        return "timeout"
    return errno.errorcode.get(error.errno, str(error))


def cmd_talk(host, port, ttl, tos):
    try:
        with tcp_socket(host, int(ttl), int(tos, 0)) as sock:
            sock.connect((host, int(port)))
            for word in (b"some", b"words"):
                sock.sendall(word)
                if sock.recv(64) != word:
                    print("closed")
                    return
        print("heard")
    except OSError as error:
        print(error_name(error))


def reporter(sock):
    """The address that reported "time exceeded", or None."""
    try:
        data = sock.recvmsg(64, 512, socket.MSG_ERRQUEUE)[1][0][2]
    except (OSError, IndexError):
        return None
    # struct sock_extended_err, then the reporter's address
    origin, kind = data[4], data[5]
    at, size = (20, 4) if sock.family == socket.AF_INET else (24, 16)
    if (origin, kind) != TIME_EXCEEDED[sock.family]:
        return None
    return socket.inet_ntop(sock.family, data[at:at + size])


def cmd_trace(host, port, ttl):
    with tcp_socket(host, int(ttl), 0) as sock:
        v4 = sock.family == socket.AF_INET
        sock.setsockopt(*(socket.IPPROTO_IP, IP_RECVERR, 1) if v4 else
                        (socket.IPPROTO_IPV6, IPV6_RECVERR, 1))
        try:
            sock.connect((host, int(port)))
            # a relay is connected to before it refuses
            sock.settimeout(1)
            print("closed" if sock.recv(1) == b"" else "heard")
        except socket.timeout:
            who = reporter(sock)
            print(f"expired {who}" if who else "connected" if connected(sock) else "timeout")
        except OSError as error:
            who = reporter(sock)
            print(f"expired {who}" if who else error_name(error))


def connected(sock):
    try:
        return bool(sock.getpeername())
    except OSError:
        return False


def main():
    command = globals().get("cmd_" + sys.argv[1].replace("-", "_")) if len(sys.argv) > 1 else None
    if not command:
        sys.exit(__doc__.strip())
    command(*sys.argv[2:])


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, KeyboardInterrupt):
        pass
