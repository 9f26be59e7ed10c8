#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Many sockets of a host, one line each: "UID:GID KIND ADDR:PORT OUTCOME", to compare two set-ups.

    own_matrix.py UID:GID,… ADDR:PORT,…

KIND: tcp, udp (connected), datagram (not connected). OUTCOME: the first word of the peer's answer,
or the name of an errno.
"""
import errno
import os
import socket
import sys


def split(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def attempt(kind, addr):
    family = socket.AF_INET6 if ":" in addr[0] else socket.AF_INET
    stream = kind == "tcp"
    with socket.socket(family, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        try:
            if kind == "datagram":
                sock.sendto(b"hi", addr)
                data, peer = sock.recvfrom(200)
                return data.split()[0].decode() if peer[:2] == addr else f"from {peer[0]}"
            sock.connect(addr)
            sock.sendall(b"hi")
            return (sock.recv(200).split() or [b"closed"])[0].decode()
        except socket.timeout:
            return "timeout"
        except OSError as error:
            return errno.errorcode.get(error.errno, str(error))


def as_actor(actor, targets):
    uid, gid = map(int, actor.split(":"))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    for target in targets:
        for kind in "tcp", "udp", "datagram":
            print(actor, kind, target, attempt(kind, split(target)), flush=True)


for one in sys.argv[1].split(","):
    child = os.fork()
    if not child:
        as_actor(one, sys.argv[2].split(","))
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{one}: failed")
