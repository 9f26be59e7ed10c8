# SPDX-License-Identifier: BSD-2-Clause
"""Looks for lines in the JSON output of `tproxy-loader trace`.

trace.py has|count FILE KEY=VALUE…
trace.py expect FILE <LIST           lines DESCRIPTION: KEY=VALUE…; prints "0|1<TAB>DESCRIPTION"
trace.py adds-up FILE                the summary
trace.py start SECONDS PORT ADDRESS… opens a TCP connection and sends a datagram to each

VALUE "-" means that the key is absent.
"""
import contextlib
import json
import select
import socket
import sys
import time


def read(path):
    with open(path) as file:
        lines = file.read().split("\n")
    return [json.loads(line) for line in lines[:-1]]  # the last one may not be complete


def value(event, key):
    for part in key.split("."):
        event = event.get(part) if isinstance(event, dict) else None
    return event


def fits(event, pairs):
    for key, wanted in pairs:
        got = value(event, key)
        if wanted == "-" and got in (None, []):
            continue
        if isinstance(got, bool):
            got = str(got).lower()
        if wanted not in (got if isinstance(got, list) else [str(got)]):
            return False
    return True


def pairs_of(words):
    return [word.split("=", 1) for word in words]


def expect(events):
    for line in sys.stdin:
        text, _, words = line.strip().rpartition(": ")
        found = any(fits(event, pairs_of(words.split())) for event in events)
        print(int(not found), "%s: %s" % (text, words), sep="\t")


def adds_up(events):
    last = events[-1]
    shown = sum(event["type"] in ("packet", "lookup", "drop", "call") for event in events)
    print(last, "shown:", shown)
    return (last["type"] == "summary" and last["shown"] == shown and
            last["matched"] == shown + last["lost"] + last["not_shown"])


def start(seconds, port, addresses):
    kept = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
            sock = socket.socket(family, kind)
            sock.setblocking(False)
            sock.connect_ex((address, int(port)))
            if kind == socket.SOCK_DGRAM:
                with contextlib.suppress(OSError):  # a filter of the client itself
                    sock.send(b"trace")
            kept.append(sock)
    end = time.time() + float(seconds)
    while time.time() < end:
        select.select(kept, [], [], 0.1)
        time.sleep(0.05)


def main():
    command, *rest = sys.argv[1:]
    if command == "start":
        return start(rest[0], rest[1], rest[2:])
    events = read(rest[0])
    if command == "expect":
        return expect(events)
    if command == "adds-up":
        return sys.exit(not adds_up(events))
    n = sum(fits(event, pairs_of(rest[1:])) for event in events)
    if command == "count":
        return print(n)
    return sys.exit(n == 0)


main()
