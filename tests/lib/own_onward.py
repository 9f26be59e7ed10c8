#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A transparent proxy, TCP and UDP of both families, that connects to where its clients wanted, from an
address of its own, and puts "via " before each answer. If it is its own client, an answer has several.

    own_onward.py PORT [one|fork|shell] [MARK]

one: the process that listens also connects. fork: a child for each flow. shell: a program that a shell
runs for each flow.
"""
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys

IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75
IP_RECVORIGDSTADDR, IPV6_RECVORIGDSTADDR = 20, 74
SO_MARK = 36
MARK = int(sys.argv[3], 0) if len(sys.argv) == 4 else 0


def transparent(family, kind):
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    return sock


def listener(family, kind, port):
    sock = transparent(family, kind)
    if kind == socket.SOCK_STREAM:
        sock.bind(("", port))
        sock.listen(64)
    elif family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVORIGDSTADDR, 1)
        sock.bind(("", port))
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1)
        sock.bind(("", port))
    return sock


def ask(family, kind, dst, data):
    """The answer of the server."""
    with socket.socket(family, kind) as onward:
        onward.settimeout(5)
        if MARK:
            onward.setsockopt(socket.SOL_SOCKET, SO_MARK, MARK)
        onward.connect(dst)
        onward.send(data)
        return onward.recv(65536)


def ask_by(how, family, kind, dst, data):
    if how != "shell":
        return ask(family, kind, dst, data)
    # the shell waits for it, so that there are two generations
    words = [sys.executable, "-I", "-S", __file__, "ask", str(int(family)), str(int(kind)), dst[0], str(dst[1]),
             data.hex(), str(MARK)]
    return subprocess.run(["sh", "-c", '"$@"; exit $?', "sh", *words], check=True,
                          stdout=subprocess.PIPE).stdout


def in_child(how, work):
    if how == "one":
        work()
    elif os.fork() == 0:
        try:
            work()
        finally:
            os._exit(0)


def on_stream(sock, how):
    conn, _peer = sock.accept()

    def work():
        try:
            dst = conn.getsockname()[:2]
            conn.sendall(b"via " + ask_by(how, sock.family, sock.type, dst, conn.recv(65536)))
        except OSError:
            pass
    in_child(how, work)
    conn.close()


def original_dst(control):
    for _level, kind, data in control:
        if kind == IP_RECVORIGDSTADDR and len(data) == 16:
            return socket.inet_ntoa(data[4:8]), struct.unpack("!H", data[2:4])[0]
        if kind == IPV6_RECVORIGDSTADDR:
            return socket.inet_ntop(socket.AF_INET6, data[8:24]), struct.unpack("!H", data[2:4])[0]
    raise OSError("no destination")


def on_datagram(sock, how):
    data, control, _flags, peer = sock.recvmsg(65536, 256)
    dst = original_dst(control)

    def work():
        try:
            answer = b"via " + ask_by(how, sock.family, sock.type, dst, data)
            with transparent(sock.family, sock.type) as back:
                back.bind(dst)
                back.sendto(answer, peer)
        except OSError:
            pass
    in_child(how, work)


def serve(port, how):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN if how == "fork" else signal.SIG_DFL)
    select = selectors.DefaultSelector()
    for family in socket.AF_INET, socket.AF_INET6:
        for kind, react in (socket.SOCK_STREAM, on_stream), (socket.SOCK_DGRAM, on_datagram):
            select.register(listener(family, kind, port), selectors.EVENT_READ, react)
    print("ready", flush=True)
    while True:
        for key, _events in select.select():
            key.data(key.fileobj, how)


if sys.argv[1] == "ask":
    MARK = int(sys.argv[7])
    sys.stdout.buffer.write(ask(int(sys.argv[2]), int(sys.argv[3]),
                                (sys.argv[4], int(sys.argv[5])), bytes.fromhex(sys.argv[6])))
else:
    serve(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "one")
