#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Urgent data over TCP: one side sends by a script, the other reports what came where.

    urgent.py serve PORT                        both families; the client says what to do
    urgent.py up|down HOST PORT SCRIPT [full]   client to server, or back

A script is a list of: N (so many plain bytes), ! (an urgent byte, and wait until the receiver has
it), ? (an urgent byte), - (nothing, for a moment). The receiver does not use SO_OOBINLINE. It
reads when bytes come; with `full` only when the sender cannot send any more.

Printed is what the receiver got, in the same form, and whether there was a SIGURG: "3 ! 3 fin urg".
"""
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import time

SIOCATMARK = 0x8905
SIOCINQ = 0x541B
SIGNALS = []


def ask(sock, what):
    return struct.unpack("i", fcntl.ioctl(sock, what, b"\0\0\0\0"))[0]


def listen_for_urgent(sock):
    signal.signal(signal.SIGURG, lambda *_: SIGNALS.append(1))
    SIGNALS.clear()
    fcntl.fcntl(sock.fileno(), fcntl.F_SETOWN, os.getpid())


def wait_until_full(sock):
    """Until nothing has come for a while."""
    before, since = -1, time.monotonic()
    while time.monotonic() - since < 1.5:
        now = ask(sock, SIOCINQ)
        if now != before:
            before, since = now, time.monotonic()
        time.sleep(0.05)


class Taken:
    def __init__(self):
        self.items = []

    def plain(self, count):
        if self.items and isinstance(self.items[-1], int):
            self.items[-1] += count
        else:
            self.items.append(count)

    def text(self):
        return " ".join(map(str, self.items))


def receive(sock, full):
    if full:
        wait_until_full(sock)
    taken = Taken()
    while True:
        # the mark stays until plain bytes are read, an urgent byte can be read once
        if select.select([sock], [], [sock], 20)[2] and ask(sock, SIOCATMARK):
            taken.items.append(sock.recv(1, socket.MSG_OOB | socket.MSG_DONTWAIT).decode())
            sock.send(b"a")
            continue
        try:
            data = sock.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            continue
        if not data:
            break
        if data.strip(b"x"):
            taken.items.append(f"WRONG {data.strip(b'x')[:20]}")
        taken.plain(len(data))
    return f"{taken.text()} fin {'urg' if SIGNALS else 'no-signal'}"


def send(sock, script):
    for item in script:
        if item == "-":
            time.sleep(0.1)
        elif item in "!?":
            sock.send(b"!", socket.MSG_OOB)
        else:
            sock.sendall(b"x" * int(item))
        if item == "!":
            sock.recv(1)
    sock.shutdown(socket.SHUT_WR)


def read_all(sock):
    text = b""
    while data := sock.recv(4096):
        text += data
    return text


def serve(port):
    listener = socket.create_server(("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        sock = listener.accept()[0]
        line = b""
        while not line.endswith(b"\n"):
            line += sock.recv(1)
        call = json.loads(line)
        try:
            if call["way"] == "up":
                listen_for_urgent(sock)
                sock.send(b"g")
                sock.sendall(f"={receive(sock, call['full'])}".encode())
            else:
                send(sock, call["script"])
                read_all(sock)
        except OSError as error:
            print(error, flush=True)
        sock.close()


def call(way, host, port, script, full=False):
    sock = socket.create_connection((host, int(port)), 20)
    sock.settimeout(None)
    if way == "down":
        listen_for_urgent(sock)
    sock.sendall(json.dumps({"way": way, "script": script.split(), "full": bool(full)}).encode() + b"\n")
    if way == "down":
        print(receive(sock, full))
        return
    sock.recv(1)
    send(sock, script.split())
    print(read_all(sock).decode().partition("=")[2])


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "serve":
        serve(sys.argv[2])
    elif len(sys.argv) >= 5 and sys.argv[1] in ("up", "down"):
        call(*sys.argv[1:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
