#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Both ends of a TCP connection; each plays a plan and reports what it received.

    peer.py serve PORT                          both families; the client brings the plans
    peer.py play HOST PORT CLIENT-PLAN SERVER-PLAN

A plan is "key=value,…"; what it sends is any bytes, but always the same for a seed:
    send=N          bytes to send (0)
    seed=N          which bytes (1); the same seed cuts and pauses alike, too
    chunk=N         send them in pieces of 1 to N bytes (65536)
    pace=MS         wait that long between two pieces
    pause=MS        at random wait up to that long between two pieces, reading or writing
    urgent=N        send every Nth piece with an urgent last byte
    cork=1          the FIN leaves in one segment with the last bytes
    after=eof|N     start sending after the other side's FIN, or after N bytes from it
    delay=MS        wait that long before sending
    stall=MS        do not read for that long, once
    stallat=N       stall after N bytes (0)
    rcvbuf=N        SO_RCVBUF
    sport=N         the client's port
    end=fin|rst|none    after sending; none waits for the other side to end (fin)
    linger=MS       close that much after the end
    patience=S      give up waiting for the other side (15)

play prints for each side how many bytes came, whether they were those that the other one sent,
and how it ended: "client 10 same fin, server 20 same fin".
"""
import hashlib
import json
import random
import socket
import struct
import sys
import threading
import time

BLOCK = 65536
DEFAULTS = {"send": 0, "seed": 1, "chunk": 65536, "pace": 0, "pause": 0, "urgent": 0, "cork": 0,
            "after": "", "delay": 0, "stall": 0, "stallat": 0, "rcvbuf": 0, "sport": 0,
            "end": "fin", "linger": 0, "patience": 15}


def parse_plan(text):
    plan = dict(DEFAULTS)
    for item in filter(None, text.split(",")):
        key, _, value = item.partition("=")
        if key not in plan:
            sys.exit(f"peer.py: {key}: no such key")
        plan[key] = value if isinstance(plan[key], str) else int(value)
    return plan


def content(seed, size):
    """The bytes of a seed, in blocks."""
    for number in range(0, (size + BLOCK - 1) // BLOCK):
        yield random.Random(f"{seed}-{number}").randbytes(BLOCK)[:size - number * BLOCK]


def digest_of(seed, size):
    digest = hashlib.sha256()
    for block in content(seed, size):
        digest.update(block)
    return digest.hexdigest()


class Player:
    """One side. Reads in this thread, writes in another."""

    def __init__(self, sock, plan):
        self.sock, self.plan = sock, plan
        # urgent bytes count like others
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        self.go = threading.Event() # what `after` waits for
        self.received, self.digest, self.end = 0, hashlib.sha256(), "open"

    def pause(self, dice):
        if self.plan["pause"] and dice.random() < 0.05:
            time.sleep(dice.random() * self.plan["pause"] / 1000)

    def pieces(self, dice):
        for block in content(self.plan["seed"], self.plan["send"]):
            at = 0
            while at < len(block):
                size = dice.randint(1, self.plan["chunk"])
                yield block[at:at + size]
                at += size

    def send(self):
        dice = random.Random(self.plan["seed"])
        for number, piece in enumerate(self.pieces(dice), 1):
            if self.plan["urgent"] and number % self.plan["urgent"] == 0:
                # only the last byte is urgent, and all of them must go
                self.sock.sendall(piece[:-1])
                self.sock.send(piece[-1:], socket.MSG_OOB)
            else:
                self.sock.sendall(piece)
            time.sleep(self.plan["pace"] / 1000)
            self.pause(dice)

    def write(self):
        try:
            if self.plan["after"] and not self.go.wait(self.plan["patience"]):
                return
            time.sleep(self.plan["delay"] / 1000)
            if self.plan["cork"]:
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            self.send()
            if self.plan["end"] == "fin":
                self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass # the reading thread gets the error too

    def read(self):
        dice = random.Random(self.plan["seed"] + 1)
        stall = self.plan["stall"] / 1000
        self.sock.settimeout(self.plan["patience"])
        try:
            while True:
                if stall and self.received >= self.plan["stallat"]:
                    time.sleep(stall)
                    stall = 0
                data = self.sock.recv(BLOCK)
                if not data:
                    break
                self.received += len(data)
                self.digest.update(data)
                if str(self.received) == self.plan["after"]:
                    self.go.set()
                self.pause(dice)
            self.end = "fin"
        except ConnectionResetError:
            self.end = "reset"
        except socket.timeout:
            self.end = "timeout"
        self.go.set()

    def play(self):
        writer = threading.Thread(target=self.write, daemon=True)
        writer.start()
        if self.plan["end"] == "rst":
            if self.plan["after"]:
                self.read()
            writer.join()
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.end = "rst-sent"
        else:
            self.read()
            writer.join(self.plan["patience"])
        time.sleep(self.plan["linger"] / 1000)
        self.sock.close()
        return {"received": self.received, "digest": self.digest.hexdigest(), "end": self.end}


class Server:
    """Keeps results under the client's id; another connection asks for them."""

    def __init__(self):
        self.results = {}
        self.changed = threading.Condition()

    def handle(self, sock):
        try:
            line = b""
            while not line.endswith(b"\n"):
                data = sock.recv(1)
                if not data:
                    return
                line += data
            call = json.loads(line)
            if "ask" in call:
                self.answer(sock, call["ask"])
                return
            plan = call["plan"]
            result = Player(sock, plan).play()
        except OSError as error:
            print(error, flush=True)
            return
        print(call["id"], result, flush=True)
        with self.changed:
            self.results[call["id"]] = result
            self.changed.notify_all()

    def answer(self, sock, ident):
        with self.changed:
            self.changed.wait_for(lambda: ident in self.results, 20)
            sock.sendall(json.dumps(self.results.get(ident)).encode())
        sock.close()

    def run(self, port):
        listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True,
                                        backlog=64)
        while True:
            sock = listener.accept()[0]
            threading.Thread(target=self.handle, args=(sock,), daemon=True).start()


def dial(host, port, plan):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    if plan["rcvbuf"]:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, plan["rcvbuf"])
    if plan["sport"]:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", plan["sport"]))
    sock.settimeout(plan["patience"])
    sock.connect((host, int(port)))
    sock.settimeout(None)
    return sock


def ask(host, port, ident):
    with dial(host, port, DEFAULTS) as sock:
        sock.settimeout(30)
        sock.sendall(json.dumps({"ask": ident}).encode() + b"\n")
        text = b""
        while data := sock.recv(4096):
            text += data
    return json.loads(text) or {"received": 0, "digest": "", "end": "unknown"}


def verdict(who, result, other):
    same = "same" if result["received"] == other["send"] and \
        result["digest"] == digest_of(other["seed"], other["send"]) else "OTHER"
    return f"{who} {result['received']} {same} {result['end']}"


def cmd_play(host, port, client_text, server_text):
    client, server = parse_plan(client_text), parse_plan(server_text)
    ident = f"{time.monotonic_ns()}"
    sock = dial(host, port, client)
    sock.sendall(json.dumps({"id": ident, "plan": server}).encode() + b"\n")
    result = Player(sock, client).play()
    print(verdict("client", result, server) + ", " +
          verdict("server", ask(host, port, ident), client), flush=True)


def cmd_serve(port):
    Server().run(int(port))


def main():
    command = globals().get("cmd_" + sys.argv[1]) if len(sys.argv) > 1 else None
    if not command:
        sys.exit(__doc__)
    try:
        command(*sys.argv[2:])
    except OSError as error:
        sys.exit(f"peer.py {sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
