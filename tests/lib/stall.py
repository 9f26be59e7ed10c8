#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Many TCP connections whose receivers do not take what is sent.

    stall.py serve PORT                     both families; the client says what to do
    stall.py down|up HOST PORT COUNT GO [GROW]

down: the server sends without end, up: the client does; the other side reads GROW bytes of each
connection, as fast as it can, and then nothing. When no byte moves any more, the client prints
"stalled COUNT" and waits for the file GO. Then it reads on (up: the server does), and prints how
many connections still carry bytes: "alive COUNT".
"""
import os
import resource
import selectors
import socket
import struct
import sys
import time

BLOCK = b"z" * 262144
SMALL = 4096 # SO_RCVBUF of receivers that do not grow
MORE = 100000 # bytes after GO show that a connection lives


class Peer:
    """One end. Sends without end, or takes `left` bytes."""

    def __init__(self, sock, sends, left):
        self.sock, self.sends, self.left, self.moved = sock, sends, left, 0
        sock.setblocking(False)

    def events(self):
        if self.sends:
            return selectors.EVENT_WRITE
        return selectors.EVENT_READ if self.left > 0 else 0

    def run(self):
        try:
            if self.sends:
                self.moved += self.sock.send(BLOCK)
                return True
            data = self.sock.recv(min(self.left, len(BLOCK)))
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.left -= len(data)
        self.moved += len(data)
        return bool(data)


class Peers:
    def __init__(self):
        self.selector, self.all = selectors.DefaultSelector(), []

    def watch(self, peer):
        if peer.events():
            self.selector.register(peer.sock, peer.events(), peer)

    def add(self, peer):
        self.all.append(peer)
        self.watch(peer)

    def take(self, more):
        """All receivers take so many bytes more."""
        for peer in self.all:
            peer.left = more
            if not peer.sends and peer.sock.fileno() >= 0 and \
               peer.sock not in self.selector.get_map():
                self.watch(peer)

    def turn(self, timeout=0.1):
        for key, _ in self.selector.select(timeout):
            if not isinstance(key.data, Peer):
                key.data()
            elif not key.data.run():
                self.selector.unregister(key.fileobj)
                key.data.left = 0
            elif not key.data.events():
                self.selector.unregister(key.fileobj)

    def moved(self):
        return sum(peer.moved for peer in self.all)

    def until_quiet(self, seconds):
        since, before = time.monotonic(), -1
        while time.monotonic() - since < seconds:
            self.turn()
            if self.moved() != before:
                before, since = self.moved(), time.monotonic()


def serve(port):
    listener = socket.create_server(("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True,
                                    backlog=4096)
    peers = Peers()

    def accept():
        sock = listener.accept()[0]
        line = b""
        while not line.endswith(b"\n"):
            line += sock.recv(1)
        way, grow = line.split()
        if way == b"more":
            peers.take(1 << 40)
            sock.close()
            return
        peers.add(Peer(sock, way == b"down", int(grow)))

    peers.selector.register(listener, selectors.EVENT_READ, accept)
    while True:
        peers.turn(1)


def dial(host, port, line, small):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    if small:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    sock.settimeout(30)
    sock.connect((host, int(port)))
    sock.sendall(line)
    return sock


def call(way, host, port, count, go, grow="0"):
    peers = Peers()
    for _ in range(int(count)):
        sock = dial(host, port, f"{way} {grow}\n".encode(), way == "down" and grow == "0")
        peers.add(Peer(sock, way == "up", int(grow)))
    peers.until_quiet(2)
    print("stalled", len(peers.all), flush=True)
    while not os.path.exists(go):
        peers.turn()
    before = [peer.moved for peer in peers.all]
    if way == "up":
        dial(host, port, b"more 0\n", False).close()
    peers.take(MORE)
    end = time.monotonic() + 20
    alive = 0
    while alive < int(count) and time.monotonic() < end:
        peers.turn()
        alive = sum(peer.moved - was >= MORE for peer, was in zip(peers.all, before))
    print("alive", alive, flush=True)
    for peer in peers.all: # what is queued goes, too
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.sock.close()


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if len(sys.argv) == 3 and sys.argv[1] == "serve":
        serve(sys.argv[2])
    elif len(sys.argv) in (6, 7) and sys.argv[1] in ("down", "up"):
        call(*sys.argv[1:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
