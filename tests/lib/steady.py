#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A client that behaves well and checks each byte, while others do not.

    steady.py serve PORT                        TCP echo server of both families; no connection
                                                waits for another one
    steady.py client HOST PORT COUNT SEED OUT   COUNT connections at a time until SIGTERM; each
                                                sends some bytes, and a new one follows it

A connection sends up to half a megabyte, some of them read slowly or pause. OUT has "whole broken
wrong cut": connections that got all their bytes and then a FIN; those that were reset, refused or
not answered in time, at any point; those with a byte that was not sent; those with a FIN before the
last byte. Standard output reports the first wrong and cut ones.
"""
import os
import random
import selectors
import signal
import socket
import sys
import time

BLOCK = 65536
PATIENCE = 5      # s without a byte
AHEAD = 100000    # bytes that are sent and have not come back


def serve(port):
    select = selectors.DefaultSelector()
    listener = socket.create_server(("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True,
                                    backlog=1024)
    listener.setblocking(False)
    select.register(listener, selectors.EVENT_READ, None)
    while True:
        for key, _ in select.select():
            if key.data is None:
                accept(select, listener)
            else:
                key.data.turn()


def accept(select, listener):
    try:
        sock = listener.accept()[0]
    except OSError: # reset meanwhile
        return
    sock.setblocking(False)
    Echo(select, sock)


class Echo:
    def __init__(self, select, sock):
        self.select, self.sock, self.kept, self.ended = select, sock, b"", False
        select.register(sock, selectors.EVENT_READ, self)

    def turn(self):
        try:
            if not self.kept and not self.ended:
                self.kept = self.sock.recv(BLOCK)
                self.ended = not self.kept
            self.kept = self.kept[self.sock.send(self.kept):] if self.kept else b""
        except BlockingIOError:
            pass
        except OSError:
            self.kept, self.ended = b"", True
        if self.kept or not self.ended:
            self.select.modify(self.sock, selectors.EVENT_WRITE if self.kept
                               else selectors.EVENT_READ, self)
            return
        self.select.unregister(self.sock)
        self.sock.close()


class Stream:
    """One connection. Its end is whole, broken, wrong or cut."""

    def __init__(self, to, dice):
        self.dice = dice
        self.content = dice.randbytes(int(dice.choice((100, 20000, 500000)) * (dice.random() + .01)))
        self.slow = dice.random() < 0.2
        self.chunk = dice.choice((1000, 20000, BLOCK))
        self.sent = self.received = 0
        self.finished = False
        self.moved = self.wake = time.monotonic()
        self.sock = socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET)
        self.sock.setblocking(False)
        self.sock.connect_ex(to)

    def turn(self, now):
        """The word for its end, or None."""
        if now < self.wake:
            return None
        try:
            self.write(now)
            return self.read(now)
        except BlockingIOError:
            return "broken" if now - self.moved > PATIENCE else None
        except OSError:
            return "broken"

    def write(self, now):
        if self.finished or self.sent - self.received > AHEAD:
            return
        if self.sent == len(self.content):
            self.sock.shutdown(socket.SHUT_WR)
            self.finished = True
            return
        try:
            self.sent += self.sock.send(self.content[self.sent:self.sent + self.chunk])
            self.moved = now
        except BlockingIOError:
            pass

    def read(self, now):
        data = self.sock.recv(2000 if self.slow else BLOCK)
        if not data:
            return "whole" if self.received == len(self.content) else "cut"
        if data != self.content[self.received:self.received + len(data)]:
            return "wrong"
        self.received += len(data)
        self.moved = now
        if self.slow or self.dice.random() < 0.02:
            self.wake = now + self.dice.random() * 0.2
        return None


class Client:
    def __init__(self, host, port, count, seed, out):
        self.to, self.count, self.out = (host, int(port)), int(count), out
        self.dice = random.Random(f"{seed} {host}")
        self.ends = {"whole": 0, "broken": 0, "wrong": 0, "cut": 0}
        self.streams, self.stop = [], False

    def report(self):
        with open(self.out + ".new", "w", encoding="ascii") as out:
            out.write(" ".join(map(str, self.ends.values())) + "\n")
        os.rename(self.out + ".new", self.out)

    def turn(self, stream, now):
        end = stream.turn(now)
        if not end:
            return
        self.ends[end] += 1
        if end in ("wrong", "cut") and self.ends[end] < 10:
            print(f"{end}: {stream.sock}: {stream.received} of {len(stream.content)} bytes, "
                  f"{stream.sent} sent", flush=True)
        stream.sock.close()
        self.streams.remove(stream)

    def run(self):
        due = 0
        while not self.stop:
            while len(self.streams) < self.count:
                self.streams.append(Stream(self.to, self.dice))
            now = time.monotonic()
            for stream in self.streams[:]:
                self.turn(stream, now)
            if now > due:
                self.report()
                due = now + 0.2
            time.sleep(0.005)
        self.report()


def main():
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    client = Client(*sys.argv[2:])

    def on_term(*_):
        client.stop = True

    signal.signal(signal.SIGTERM, on_term)
    client.run()


main()
