#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A TCP connection that lasts.

    line.py HOST PORT OUT [QUIET]   sends a byte ten times a second to an echo server; with QUIET,
                                    only the first one. OUT holds the number of answers and, once
                                    the connection has ended, how: reset, closed or another error.
"""
import errno
import os
import select
import socket
import sys
import time


def publish(path, text):
    with open(path + ".new", "w", encoding="ascii") as out:
        out.write(text + "\n")
    os.rename(path + ".new", path)


def turn(sock, sends):
    """Number of bytes that came in a tenth of a second; -1: end of file."""
    if sends:
        try:
            sock.send(b"x")
        except BlockingIOError:
            pass
    readable, _, _ = select.select([sock], [], [], 0.1)
    if not readable:
        return 0
    time.sleep(0 if not sends else 0.1)
    return len(sock.recv(65536)) or -1


def run(sock, out, quiet):
    count = 0
    while True:
        try:
            n = turn(sock, not quiet or not count)
        except OSError as error:
            return count, "reset" if error.errno == errno.ECONNRESET else str(error)
        if n < 0:
            return count, "closed"
        if n:
            count += n
            publish(out, str(count))


def main():
    host, port, out = sys.argv[1:4]
    publish(out, "0")
    sock = socket.create_connection((host, int(port)), 10)
    sock.setblocking(False)
    count, end = run(sock, out, len(sys.argv) > 4)
    publish(out, f"{count} {end}")


if __name__ == "__main__":
    main()
