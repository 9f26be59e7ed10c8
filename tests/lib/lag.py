#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How long a UDP flow waits for its answers.

    lag.py HOST PORT SECONDS    asks one question after the other for that long; prints how many
                                milliseconds the 1st, 50th, 95th and 100th percentile waited
"""
import socket
import sys
import time


def main():
    host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    sock = socket.socket(family, kind, proto)
    sock.connect(address)
    sock.settimeout(5)
    waits, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        sock.send(b"?")
        sock.recv(2048)
        waits.append((time.monotonic() - begin) * 1000)
        time.sleep(0.002)
    waits.sort()
    print(*(round(waits[min(len(waits) - 1, len(waits) * p // 100)]) for p in (1, 50, 95, 100)))


if __name__ == "__main__":
    main()
