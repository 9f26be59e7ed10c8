#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Flows whose bytes and ends are known, and the records that a relay wrote of them.

audit.py serve PORT                 TCP and UDP, both families
audit.py flows PORT COUNT SEED ADDRESS...
                                    runs COUNT flows to each address; prints what a record must say:
                                    PROTO CLIENT CLIENT-PORT DST UP DOWN END
audit.py reuse PORT COUNT ADDRESS   flows with the same addresses and ports, one after the other
audit.py refused PORT ADDRESS       connects to a closed port
audit.py records LOG...             prints the same of the end records of forwarded flows
audit.py merge FILE...              such lines; UDP flows with the same addresses and ports are added up,
                                    since one that begins within the idle time is no new one
audit.py begun LOG...               prints PROTO CLIENT CLIENT-PORT DST of the begin records
audit.py fill PIN open|ended        fills the table of audited flows

TCP: the client sends "UP DOWN END SIZE\\n", filled up to UP bytes. The server answers with DOWN bytes.
UDP: each datagram asks for an answer of a size, in its first 8 bytes.
"""
import concurrent.futures
import ctypes
import ipaddress
import json
import os
import platform
import random
import socket
import struct
import sys
import threading
import time

ENDS = ["client-fin", "server-fin", "client-rst", "server-rst"]


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def abort(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def receive(sock, count):
    got = 0
    while got < count:
        data = sock.recv(min(65536, count - got))
        if not data:
            raise ConnectionError("it ended too early")
        got += len(data)


# --- the server ---


def serve_flow(sock):
    head = b""
    while not head.endswith(b"\n"):
        byte = sock.recv(1)
        if not byte:
            return
        head += byte
    up, down, end = head.split()[:3]
    receive(sock, int(up) - len(head))
    sock.sendall(b"d" * int(down))
    if end == b"server-fin":
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)
    elif end == b"server-rst":
        receive(sock, 1)
        abort(sock)
        return
    else:
        try:
            sock.recv(1)
        except ConnectionResetError:
            pass
    sock.close()


def serve_tcp(kind, port):
    listener = socket.socket(kind, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if kind == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(("", port))
    listener.listen(512)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve_flow, args=(sock,), daemon=True).start()


def serve_udp(kind, port):
    sock = socket.socket(kind, socket.SOCK_DGRAM)
    if kind == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(("", port))
    while True:
        data, peer = sock.recvfrom(65536)
        sock.sendto(b"a" * int(data[:8]), peer)


def serve(port):
    for kind in (socket.AF_INET, socket.AF_INET6):
        for one in (serve_tcp, serve_udp):
            threading.Thread(target=one, args=(kind, port), daemon=True).start()
    time.sleep(0.2)
    print("serving", flush=True)
    threading.Event().wait()


# --- the client ---


def tcp_flow(sock, address, port, dice, end=None):
    end = end or dice.choice(ENDS)
    up, down = dice.choice([64, 1000, 40000, 300000]) + dice.randrange(999), dice.randrange(200000)
    head = f"{up} {down} {end}\n".encode()
    sock.settimeout(60)
    sock.connect((address, port))
    name = sock.getsockname()
    sock.sendall(head + b"u" * (up - len(head)))
    receive(sock, down)
    if end == "server-fin":
        sock.recv(1)
    elif end == "server-rst":
        sock.sendall(b"x")
        up += 1
        try:
            sock.recv(1)
        except ConnectionResetError:
            pass
    if end == "client-rst":
        abort(sock)
    sock.close()
    return f"tcp {name[0]} {name[1]} {address} {up} {down} {end}"


def udp_flow(address, port, dice):
    sock = socket.socket(family(address), socket.SOCK_DGRAM)
    sock.settimeout(20)
    sock.connect((address, port))
    name = sock.getsockname()
    up = down = 0
    for _ in range(dice.randrange(1, 6)):
        size, answer = dice.choice([8, 100, 1400, 4000]), dice.choice([0, 100, 1400, 5000])
        sock.send(f"{answer:08}".encode() + b"u" * (size - 8))
        if len(sock.recv(65536)) != answer:
            raise ConnectionError("another answer")
        up += size
        down += answer
    return f"udp {name[0]} {name[1]} {address} {up} {down} idle"


def one_flow(address, port, seed):
    dice = random.Random(seed)
    if dice.randrange(5) == 0:
        return udp_flow(address, port, dice)
    sock = socket.socket(family(address), socket.SOCK_STREAM)
    return tcp_flow(sock, address, port, dice)


def flows(port, count, seed, *addresses):
    jobs = [(a, int(port), f"{seed} {a} {n}") for n in range(int(count)) for a in addresses]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for line in pool.map(lambda job: one_flow(*job), jobs):
            print(line, flush=True)


def reuse(port, count, address):
    dice, source = random.Random(count), 0
    for n in range(int(count)):
        sock = socket.socket(family(address), socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", source))
        source = sock.getsockname()[1]
        print(tcp_flow(sock, address, int(port), dice, "client-rst" if n % 2 else "server-rst"))


def refused(port, address):
    sock = socket.socket(family(address), socket.SOCK_STREAM)
    sock.settimeout(20)
    sock.bind(("", 0))
    source = sock.getsockname()[1]
    try:
        sock.connect((address, int(port)))
    except (ConnectionRefusedError, TimeoutError):
        pass
    print(f"tcp {source}")


# --- the log ---


def lines_of(files, event):
    for path in files:
        with open(path, encoding="utf-8", errors="replace") as log:
            for line in log:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if entry.get("event") == event and entry.get("via") == "forwarded":
                    yield entry


def records(*files):
    for e in lines_of(files, "flow"):
        print(e["proto"], e["client"], e["client_port"], e["dst"], e["bytes_up"],
              e["bytes_down"], e["end"])


def merge(*files):
    sums = {}
    for path in files:
        with open(path, encoding="ascii") as lines:
            for line in lines:
                *key, up, down, end = line.split()
                if key[0] == "tcp":
                    print(line, end="")
                    continue
                total = sums.setdefault(tuple(key + [end]), [0, 0])
                total[0] += int(up)
                total[1] += int(down)
    for key, total in sums.items():
        print(*key[:-1], *total, key[-1])


def begun(*files):
    for e in lines_of(files, "flow-start"):
        print(e["proto"], e["client"], e["client_port"], e["dst"])


# --- the table ---

ENTRIES = 131072
PLACES_EACH = 4
BPF_OBJ_GET, BPF_MAP_UPDATE_BATCH = 7, 26
NR_BPF = {"x86_64": 321, "aarch64": 280}


def bpf(command, attributes):
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = libc.syscall(NR_BPF[platform.machine()], command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def buffer_of(data):
    return ctypes.create_string_buffer(data, len(data))


def put_all(pin, keys, values):
    path = ctypes.create_string_buffer(pin.encode())
    table = bpf(BPF_OBJ_GET, struct.pack("QII", ctypes.addressof(path), 0, 0))
    key_buffer, value_buffer = buffer_of(b"".join(keys)), buffer_of(b"".join(values))
    try:
        bpf(BPF_MAP_UPDATE_BATCH,
            struct.pack("QQQQIIQQ", 0, 0, ctypes.addressof(key_buffer),
                        ctypes.addressof(value_buffer), len(keys), table, 0, 0))
    except OSError as error:
        if error.errno != 7:  # E2BIG: it was not empty, and is full now
            raise


def fill(pin, kind):
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    source = ipaddress.ip_address("::ffff:203.0.113.1").packed
    flows = [struct.pack("<BBH", 17, 0, 0) + struct.pack(">HH", n & 0xffff, 1 + (n >> 16)) +
             source + source for n in range(ENTRIES)]
    places = [struct.pack("=I", PLACES_EACH * n) for n in range(ENTRIES)]
    head = struct.pack("=6Q", now, now, 0, 0, 1, 1) + bytes(33) + bytes([kind == "ended"]) + bytes(6)
    put_all(pin, flows, [head + place + bytes(4) for place in places])
    put_all(os.path.join(os.path.dirname(pin), "audit_places"), places, flows)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        globals()[sys.argv[1]](*sys.argv[2:])
