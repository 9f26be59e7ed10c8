#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A client that always has as many connections as its cap allows, and quiet UDP flows.

    caps.py HOST PORT CAP LONG PROGRESS

Against `net.py greet PORT`, with one source address per run. Holds LONG connections, fills the cap
with short ones, and then wants one more, which has to be refused. Two UDP sockets send a datagram
every now and then: the server must always see the same port. PROGRESS has "rounds failed exceeded
moved": connections that failed below the cap, connections above the cap that were served, and
datagrams that came from another port or had no answer. SIGTERM ends it.
"""
import os
import signal
import socket
import sys
import time

TIMEOUT = 10    # s; far more than anything needs


class Caps:
    def __init__(self, host, port, cap, long, progress):
        self.to = (host, int(port))
        self.cap, self.long, self.progress = int(cap), int(long), progress
        self.count = {"rounds": 0, "failed": 0, "exceeded": 0, "moved": 0}
        self.stop = False

    def report(self):
        with open(self.progress + ".new", "w", encoding="ascii") as out:
            out.write(" ".join(map(str, self.count.values())) + "\n")
        os.rename(self.progress + ".new", self.progress)

    def connect(self):
        """A connection that the server has greeted, or None."""
        sock = socket.socket(socket.AF_INET6 if ":" in self.to[0] else socket.AF_INET)
        sock.settimeout(TIMEOUT)
        try:
            sock.connect(self.to)
            if sock.recv(100).endswith(b"\n"):
                return sock
        except OSError:
            pass
        sock.close()
        return None

    def end(self, sock):
        """Ends when the relay has ended the flow: its RST or FIN comes after the server's FIN."""
        try:
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(100):
                pass
        except OSError:
            pass
        sock.close()

    def alive(self, sock):
        try:
            sock.sendall(b"x")
            return sock.recv(1) == b"x"
        except OSError:
            return False

    def fail(self, kind, what):
        self.count[kind] += 1
        print(f"{time.time():.3f} round {self.count['rounds']}: {kind}: {what}", flush=True)

    def round(self):
        short = []
        for _ in range(self.cap - self.long):
            sock = self.connect()
            if sock:
                short.append(sock)
            else:
                self.fail("failed", f"connection {len(short) + 1} below the cap")
        above = self.connect() if len(short) == self.cap - self.long else None
        if above:
            self.fail("exceeded", "one more was served")
            self.end(above)
        for sock in short:
            self.end(sock)
        # the relay notes an end a moment after the client has seen it
        time.sleep(0.02)

    def run(self):
        udp = [socket.socket(socket.AF_INET6 if ":" in self.to[0] else socket.AF_INET,
                             socket.SOCK_DGRAM) for _ in range(2)]
        held = [self.connect() for _ in range(self.long - len(udp))]
        seen, due = [None] * len(udp), 0
        if None in held:
            self.fail("failed", "a connection that was to last")
        for sock in udp:
            sock.settimeout(TIMEOUT)
            sock.connect(self.to)
        while not self.stop:
            if time.monotonic() >= due:
                due = time.monotonic() + 1
                for i, sock in enumerate(udp):
                    self.ask(i, sock, seen)
            self.round()
            self.count["rounds"] += 1
            self.report()
        for sock in held:
            if sock and not self.alive(sock):
                self.fail("failed", "a connection that was to last broke")
        self.report()

    def ask(self, i, sock, seen):
        try:
            sock.send(b"?")
            said = sock.recv(100)
        except OSError as err:
            said = str(err).encode()
        if seen[i] is None:
            seen[i] = said
        if said != seen[i]:
            self.fail("moved", f"datagram of flow {i}: {said} instead of {seen[i]}")


def main():
    caps = Caps(*sys.argv[1:])

    def on_term(*_):
        caps.stop = True

    signal.signal(signal.SIGTERM, on_term)
    caps.run()


main()
