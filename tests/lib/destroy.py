#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Takes ports away from others.

    destroy.py wait PORT                   listens on 127.0.0.1 until it is killed
    destroy.py squat PORT tcp|udp PID [shut|4|6]
        has PORT of 127.0.0.1 and ::1 in the end, or of one: destroys the listeners of process PID
        there, or shuts them down by its descriptors
    destroy.py shut PID                    shuts down all UDP sockets and TCP listeners of PID
    destroy.py silent PID                  does to its UDP listeners what ss -K does, without an error
                                           that they could report
"""
import ctypes
import os
import socket
import subprocess
import sys
import time

PIDFD_GETFD = 438
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
ONLY = {"4": socket.AF_INET, "6": socket.AF_INET6}
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def sockets_of(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                continue
        except FileNotFoundError:
            continue
        fd = libc.syscall(PIDFD_GETFD, process, int(name), 0)
        if fd >= 0:
            yield socket.socket(fileno=fd)
    os.close(process)


def shut(pid, port=None):
    for sock in sockets_of(pid):
        with sock:
            if sock.family not in LOOPBACK:
                continue
            address = sock.getsockname()
            listens = sock.type == socket.SOCK_DGRAM or \
                sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if address[0] not in LOOPBACK.values() or not listens or port not in (None, address[1]):
                continue
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # UDP: not connected, and shut down nevertheless


def silent(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    for sock in sockets_of(pid):
        with sock:
            if sock.type == socket.SOCK_DGRAM and sock.family in LOOPBACK and \
               sock.getsockname()[0] in LOOPBACK.values():
                libc.connect(sock.fileno(), bytes(16), 16) # AF_UNSPEC


def attack(port, kind, pid, how):
    if how == "shut":
        shut(pid, port)
    else:
        subprocess.run(["ss", "-K", *(["-t", "state", "listening"] if kind == "tcp" else ["-u", "-a"]),
                        f"sport = :{port}"], stdout=subprocess.DEVNULL, check=False)


def squat(port, kind, pid, how):
    held = []
    for family, address in LOOPBACK.items():
        if how in ONLY and ONLY[how] != family:
            continue
        sock = socket.socket(family, KINDS[kind])
        end = time.monotonic() + 25
        while True:
            try:
                sock.bind((address, port))
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                attack(port, kind, pid, how)
        if kind == "tcp":
            sock.listen(1)
        held.append(sock)
    print("squatting", flush=True)
    time.sleep(1000)


def main():
    command, *args = sys.argv[1:]
    if command == "wait":
        with socket.create_server(("127.0.0.1", int(args[0]))):
            time.sleep(1000)
    elif command == "squat":
        squat(int(args[0]), args[1], int(args[2]), args[3])
    elif command == "silent":
        silent(int(args[0]))
    else:
        shut(int(args[0]))


main()
