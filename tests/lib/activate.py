#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Starts a service as systemd does, with sockets, Type=notify and WatchdogSec=1.

    activate.py DIR [SOCKET]… -- COMMAND…

SOCKET is tcp|udp,ADDRESS,PORT[,opaque|,DEVICE]: transparent unless opaque, and bound to
DEVICE if there is one. Writes the messages of the service to DIR/notify and its process id to
DIR/pid. When the service ends, writes its status to DIR/status; starts it again once DIR/again
exists.
"""
import os
import socket
import subprocess
import sys
import threading
import time

IPV6_TRANSPARENT = 75


def listener(spec):
    kind, address, port, *rest = spec.split(",")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    for device in rest:
        if device != "opaque":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    if "opaque" not in rest:
        if family == socket.AF_INET:
            sock.setsockopt(socket.SOL_IP, socket.IP_TRANSPARENT, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    sock.bind((address, int(port)))
    if kind == "tcp":
        sock.listen(128)
    return sock


def append(path, text):
    with open(path, "a", encoding="utf-8") as out:
        out.write(text + "\n")


def listen_to(sock, path):
    while True:
        append(path, sock.recv(4096).decode())


def start(directory, sockets, command):
    def pass_sockets():
        # first out of the way, then to 3, 4 …: one may sit where another one belongs
        high = [os.dup2(s.fileno(), 200 + i) for i, s in enumerate(sockets)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i, inheritable=True)
            os.close(fd)

    env = dict(os.environ, NOTIFY_SOCKET=directory + "/notify.sock", WATCHDOG_USEC="1000000")
    if sockets:
        env["LISTEN_FDS"] = str(len(sockets))
    # the shell knows its process id, which exec keeps
    shell = 'LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$@"'
    return subprocess.Popen(["sh", "-c", shell, "sh", *command], env=env, close_fds=False,
                            preexec_fn=pass_sockets, stdin=subprocess.DEVNULL)


def main():
    directory, *rest = sys.argv[1:]
    split = rest.index("--")
    sockets = [listener(spec) for spec in rest[:split]]
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(directory + "/notify.sock")
    os.chmod(directory + "/notify.sock", 0o666)
    threading.Thread(target=listen_to, args=(notify, directory + "/notify"), daemon=True).start()
    while True:
        service = start(directory, sockets, rest[split + 1:])
        append(directory + "/pid", str(service.pid))
        append(directory + "/status", str(service.wait()))
        while not os.path.exists(directory + "/again"):
            time.sleep(0.02)
        os.unlink(directory + "/again")


if __name__ == "__main__":
    main()
