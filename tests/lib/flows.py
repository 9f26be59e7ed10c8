#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Odd clients of a relay's socket for lists of flows, see user/lib/flows/proto.h.

    flows.py stall PATH             asks for the list and reads nothing; prints "asked", and the seconds
                                    until the relay closes the connection
    flows.py knock PATH N SECONDS   N connections at a time that say nothing, again and again;
                                    prints how many were closed by the relay
    flows.py quit PATH N            asks N times, and closes without reading
    flows.py garbage PATH           messages of any bytes and lengths; prints "errors N" with the
                                    number of those that were refused as they should
    flows.py kill PATH              asks to end flow 1; prints the name of the error, or "ended N"
    flows.py gap HOST PORT SECONDS  exchanges of a byte over one connection; prints the longest, in ms
    flows.py check FILE… LIVED      each FILE is a list in JSON; LIVED one that was made before. Prints
                                    how many flows of LIVED are not exactly once in each of them
"""
import errno
import json
import os
import random
import select
import socket
import struct
import sys
import time

VERSION, LIST, KILL, RECORDS, END = 1, 1, 2, 3, 4
PREFIX = bytes(18)


def request(kind, flow=0, version=VERSION):
    return struct.pack("=HBBI", version, kind, 0, 0) + struct.pack("=Q", flow) + \
        PREFIX + PREFIX + bytes(4)


def dial(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # without a time-out connect waits while the queue of the listener is full
    sock.connect(path)
    sock.settimeout(20)
    return sock


def hung_up(sock, seconds):
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP | select.POLLHUP)
    return bool(poll.poll(seconds * 1000))


def cmd_stall(path):
    sock = dial(path)
    sock.send(request(LIST))
    print("asked")
    begin = time.monotonic()
    print(f"{time.monotonic() - begin:.1f}" if hung_up(sock, 60) else "never")


def cmd_knock(path, count, seconds):
    end, closed, open_ones = time.monotonic() + float(seconds), 0, []
    while time.monotonic() < end:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.setblocking(False)
        try:
            sock.connect(path)
            open_ones.append(sock)
        except BlockingIOError:
            sock.close()
            time.sleep(0.001)
        gone = [s for s in open_ones if hung_up(s, 0)]
        closed += len(gone)
        open_ones = [s for s in open_ones if s not in gone][-int(count):]
    print(closed)


def cmd_quit(path, count):
    for _ in range(int(count)):
        sock = dial(path)
        try:
            sock.send(request(LIST))
        except BrokenPipeError: # it was refused: too many at a time
            pass
        sock.close()


def answer(sock):
    """The kind and the error of the first message; None if there is none."""
    try:
        message = sock.recv(65536)
    except ConnectionResetError: # it has not read our request, but may have said why
        message = sock.recv(65536)
    except OSError:
        return None
    if len(message) < 8:
        return None
    kind = message[2]
    return kind, struct.unpack_from("=i", message, 8)[0] if kind == END else 0, message


def cmd_garbage(path):
    dice = random.Random(1)
    errors = 0
    for i in range(200):
        sock = dial(path)
        size = dice.choice([1, 7, 8, 55, 57, 64, 4096, 60000])
        sock.send(dice.randbytes(size) if i % 2 else request(LIST)[:size % 56] + b"xx")
        got = answer(sock)
        errors += got is not None and got[0] == END and got[1] in (errno.EPROTO, errno.EBUSY)
        sock.close()
    for odd in request(LIST, version=2), request(9), request(KILL):
        sock = dial(path)
        sock.send(odd)
        got = answer(sock)
        errors += got is not None and got[1] in (errno.EPROTO, errno.EINVAL)
    print("errors", errors)


def cmd_kill(path):
    sock = dial(path)
    try:
        sock.send(request(KILL, 1))
    except BrokenPipeError: # it was refused at once
        pass
    got = answer(sock)
    if not got:
        print("no answer")
    elif got[1]:
        print(errno.errorcode[got[1]])
    else:
        print("ended", struct.unpack_from("=Q", got[2], 16)[0])


def cmd_gap(host, port, seconds):
    end, longest = time.monotonic() + float(seconds), 0
    with socket.create_connection((host, int(port)), 10) as sock:
        while time.monotonic() < end:
            begin = time.monotonic()
            sock.sendall(b"E")
            sock.recv(1)
            longest = max(longest, time.monotonic() - begin)
    print(f"{longest * 1000:.1f}")


def ids(path):
    with open(path, encoding="utf-8") as file:
        return [(f["relay"], f["id"]) for f in json.load(file)["flows"]]


def cmd_check(*paths):
    lived, wrong = ids(paths[-1]), 0
    for path in paths[:-1]:
        found = {}
        for flow in ids(path):
            found[flow] = found.get(flow, 0) + 1
        wrong += sum(found.get(flow, 0) != 1 for flow in lived)
        wrong += sum(n != 1 for n in found.values())
    print(wrong)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    globals()["cmd_" + sys.argv[1]](*sys.argv[2:])
    os._exit(0)
