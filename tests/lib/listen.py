# SPDX-License-Identifier: BSD-2-Clause
"""Sockets that listen and never answer, until they are killed.

listen.py PORT PROTO[,PROTO] ADDRESS [transparent] [v6only] [dual] [alone] [shared] [device=NAME]
    [many=N] [comm=NAME]

many: N more sockets, on ports that the kernel chooses. alone: without SO_REUSEADDR. shared: with
SO_REUSEPORT. comm: the name of the process.
"""
import signal
import socket
import sys

port, protos, address, *options = sys.argv[1:]
device = [o.split("=")[1] for o in options if o.startswith("device=")]
comm = [o.split("=")[1] for o in options if o.startswith("comm=")]
many = [int(o.split("=")[1]) for o in options if o.startswith("many=")]
family = socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(proto, number):
    sock = socket.socket(family, socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, "alone" not in options)
    if "shared" in options:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, "dual" not in options)
    if "transparent" in options:
        level, name = (socket.SOL_IP, 19) if family == socket.AF_INET else (socket.IPPROTO_IPV6, 75)
        sock.setsockopt(level, name, 1)  # IP_TRANSPARENT, IPV6_TRANSPARENT
    if device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device[0].encode())
    sock.bind((address, number))
    if proto == "tcp":
        sock.listen()
    return sock


if comm:
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write(comm[0])
kept = [listen(proto, 0) for proto in protos.split(",") for _ in range(many[0] if many else 0)]
kept += [listen(proto, int(port)) for proto in protos.split(",")]
signal.pause()
