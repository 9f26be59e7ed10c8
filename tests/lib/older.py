#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""UDP flows that last, and the table of those that are older than their rule.

    talk HOST PORT OUT [PAUSE]   one datagram after the other from one socket; OUT holds the number
                                 of answers and the addresses of the client that the server saw, in
                                 order. The next one comes after PAUSE seconds (0.1), or on SIGUSR1.
    age PIN PORT SECONDS         makes entries to PORT that old
    fill PIN COUNT SECONDS       adds COUNT entries that old
    seen PIN PORT                number of entries to PORT
"""
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time


def publish(path, text):
    with open(path + ".new", "w", encoding="ascii") as out:
        out.write(text + "\n")
    os.rename(path + ".new", path)


def cmd_talk(host, port, out, pause="0.1"):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    family, kind, proto, _, address = socket.getaddrinfo(host, int(port),
                                                         type=socket.SOCK_DGRAM)[0]
    sock = socket.socket(family, kind, proto)
    sock.connect(address)
    sock.settimeout(1)
    count, seen = 0, []
    publish(out, "0")
    while True:
        try:
            sock.send(b"who")
            who = sock.recv(256).decode().split()[0]
            count += 1
            if who not in seen:
                seen.append(who)
            publish(out, " ".join([str(count)] + seen))
        except OSError:
            pass
        signal.sigtimedwait([signal.SIGUSR1], float(pause))


def entries(pin):
    text = subprocess.run(["bpftool", "-j", "map", "dump", "pinned", pin], check=True,
                          capture_output=True).stdout
    for entry in json.loads(text):
        yield bytes(int(byte, 16) for byte in entry["key"])


def port_of(key):
    return struct.unpack_from("!H", key, 6)[0]


def update(pin, keys, seconds):
    now = int((time.monotonic() - float(seconds)) * 1e9)
    value = " ".join(str(byte) for byte in struct.pack("=Q", max(now, 1)))
    text = "".join(f"map update pinned {pin} key {' '.join(map(str, key))} value {value}\n"
                   for key in keys)
    subprocess.run(["bpftool", "batch", "file", "-"], input=text.encode(), check=True,
                   stdout=subprocess.DEVNULL)


def cmd_age(pin, port, seconds):
    update(pin, [key for key in entries(pin) if port_of(key) == int(port)], seconds)


def cmd_fill(pin, count, seconds):
    update(pin, (struct.pack("!B3xHH10xHBBH10xHI", 17, 1, 1, 0xffff, 198, 18, number & 0xffff,
                             0xffff, 0xc0000201 + (number >> 16))
                 for number in range(int(count))), seconds)


def cmd_seen(pin, port):
    print(sum(port_of(key) == int(port) for key in entries(pin)))


def main():
    command = globals().get("cmd_" + sys.argv[1]) if len(sys.argv) > 1 else None
    if not command:
        sys.exit(__doc__)
    command(*sys.argv[2:])


if __name__ == "__main__":
    main()
