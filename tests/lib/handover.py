#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Speaks the hand-over protocol of the relay, as a process that should get nothing, or as a relay
that dies or hangs at a step.

    handover.py ask PATH [STEP…]    connects, and does each step:
        hello          shows its own namespaces          hello=nothing   shows none
        hello=files    shows descriptors of files        hello=mnt       its mount namespace twice
        hello=old      a version that nobody has         noise           bytes without meaning
        ready, done    these messages                    get             waits for a message
        wait           for ever                          pid=FILE        writes its process id
    Prints a line for each message that it got: type, cause of a refusal, number of descriptors.

    handover.py knock PATH SECONDS  connects and leaves as fast as it can, and prints how often
    handover.py sit PATH [WHAT]     listens at PATH; with "babble" it answers with noise
"""
import os
import socket
import struct
import sys
import time

VERSION = 1
HELLO, READY, DONE, OFFER, REFUSED, ABORTED, RETIRED, PAUSED = 1, 2, 3, 16, 17, 18, 19, 20
NAMES = {OFFER: "offer", REFUSED: "refused", ABORTED: "aborted", RETIRED: "retired",
         PAUSED: "paused", 32: "udp-session", 48: "reload", 49: "drain", 50: "reset"}
CAUSES = ["version", "mnt", "net", "busy"]


def message(kind, version=VERSION):
    return b"tpxh" + struct.pack("=HH", kind, version)


def open_ns(*kinds):
    return [os.open(f"/proc/self/ns/{kind}", os.O_RDONLY) for kind in kinds]


def hello(sock, how):
    if how == "nothing":
        sock.send(message(HELLO))
    elif how == "files":
        socket.send_fds(sock, [message(HELLO)],
                        [os.open("/", os.O_RDONLY), os.open("/dev/null", os.O_RDONLY)])
    elif how == "mnt":
        socket.send_fds(sock, [message(HELLO)], open_ns("mnt", "mnt"))
    elif how == "old":
        socket.send_fds(sock, [message(HELLO, 77)], open_ns("mnt", "net"))
    else:
        socket.send_fds(sock, [message(HELLO)], open_ns("mnt", "net"))


def get(sock):
    """Prints what came; False: there will be no more."""
    try:
        data, fds, _, _ = socket.recv_fds(sock, 8192, 200)
    except OSError as err:
        print(err.strerror, flush=True)
        return False
    for fd in fds:
        os.close(fd)
    if not data:
        print("end", flush=True)
        return False
    kind, _ = struct.unpack_from("=HH", data, 4)
    cause = CAUSES[struct.unpack_from("=I", data, 8)[0]] + " " if kind == REFUSED else ""
    print(f"{NAMES.get(kind, kind)} {cause}{len(fds)}", flush=True)
    return True


def ask(path, steps):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.connect(path)
    except OSError as err:
        print(err.strerror)
        return
    sock.settimeout(20)
    for step in steps:
        what, _, how = step.partition("=")
        try:
            if what == "hello":
                hello(sock, how)
            elif what == "noise":
                sock.send(b"not what a relay says")
            elif what == "ready":
                sock.send(message(READY))
            elif what == "done":
                sock.send(message(DONE))
            elif what == "get":
                if not get(sock):
                    return
            elif what == "pid":
                with open(how, "w", encoding="ascii") as out:
                    out.write(str(os.getpid()))
            elif what == "wait":
                time.sleep(600)
        except BrokenPipeError as err:
            print(err.strerror, flush=True)


def knock(path, seconds):
    end = time.monotonic() + seconds
    tries = reached = 0
    while time.monotonic() < end:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.setblocking(False)
        tries += 1
        try:
            sock.connect(path)
            hello(sock, "nothing")
            reached += 1
        except OSError:
            pass
        sock.close()
    print(tries, reached)


def sit(path, what):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.bind(path)
    sock.listen()
    print("there", flush=True)
    peers = []
    while True:
        peers.append(sock.accept()[0])
        if what == "babble":
            peers[-1].send(b"not what a relay says")


def main(command, path, *rest):
    if command == "ask":
        ask(path, rest)
    elif command == "knock":
        knock(path, float(rest[0]))
    else:
        sit(path, rest[0] if rest else "")


main(*sys.argv[1:])
