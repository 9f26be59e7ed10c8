#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Clients that share a relay, some of them greedily. SOURCE is an address to connect from.

    sessions HOST PORT SOURCE N GO             N connections, each with one exchange; prints "up",
                                               waits for the file GO, prints how many still work
    attack HOST PORT ATTEMPTS GO SOURCE…       ATTEMPTS connections, from these in turn, kept for as
                                               long as they last; prints "tried", waits for GO,
                                               prints how many still work
    datagrams HOST PORT SOURCE N               N UDP flows, one by one; prints how many are answered
    flows HOST PORT SOURCE N GO                N UDP flows, each answered; prints "up", waits for GO,
                                               prints how many the server sees with the port of before
"""
import os
import select
import socket
import sys
import time


def dial(host, port, source):
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.settimeout(3)
    sock.bind((source, 0))
    sock.connect((host, int(port)))
    return sock


def works(sock):
    try:
        sock.settimeout(3)
        sock.send(b"x")
        return sock.recv(1) == b"x"
    except OSError:
        return False


def wait_and_count(socks, go):
    while not os.path.exists(go):
        time.sleep(0.05)
    print(sum(works(sock) for sock in socks), flush=True)


def cmd_sessions(host, port, source, count, go):
    socks = [dial(host, port, source) for _ in range(int(count))]
    print("up" if all(works(sock) for sock in socks) else "failed", flush=True)
    wait_and_count(socks, go)


def drop_dead(socks):
    """Closes those that were reset."""
    poll = select.poll()
    for fd in socks:
        poll.register(fd, 0)
    for fd, _ in poll.poll(0):
        socks.pop(fd).close()


def cmd_attack(host, port, attempts, go, *sources):
    socks = {}
    for i in range(int(attempts)):
        try:
            sock = dial(host, port, sources[i % len(sources)])
            socks[sock.fileno()] = sock
        except OSError:
            pass
        if i % 200 == 199:
            drop_dead(socks)
    print("tried", flush=True)
    wait_and_count(socks.values(), go)


def udp_socket(host, port, source):
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((source, 0))
    sock.connect((host, int(port)))
    sock.settimeout(2)
    return sock


def who(sock):
    """Address and port that the server sees, or None. A flood may take a datagram's place."""
    for _ in range(4):
        try:
            sock.send(b"who")
            return sock.recv(256)
        except OSError:
            pass
    return None


def cmd_datagrams(host, port, source, count):
    answered = 0
    for _ in range(int(count)):
        with udp_socket(host, port, source) as sock:
            answered += who(sock) is not None
    print(answered)


def cmd_flows(host, port, source, count, go):
    socks = [udp_socket(host, port, source) for _ in range(int(count))]
    seen = [who(sock) for sock in socks]
    print("up" if all(seen) else "failed", flush=True)
    while not os.path.exists(go):
        time.sleep(0.05)
    print(sum(who(sock) == was for sock, was in zip(socks, seen)), flush=True)


COMMANDS = {"sessions": cmd_sessions, "attack": cmd_attack, "datagrams": cmd_datagrams,
            "flows": cmd_flows}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
