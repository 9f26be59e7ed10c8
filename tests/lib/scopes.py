#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A system bus with systemd on it that knows StartTransientUnit only: it moves the processes into
a control group of the scope's name.

    scopes.py SOCKET CGROUP-ROOT move|refuse|hang      prints the scopes asked for
"""
import os
import socket
import struct
import sys

GUID = "0123456789abcdef" * 2


def padded(data, size):
    return data + bytes(-len(data) % size)


def string(text):
    return struct.pack("<I", len(text)) + text.encode() + b"\0"


def field(code, signature, value):
    return bytes([code, len(signature)]) + signature.encode() + b"\0" + value


def reply(kind, serial, signature, body, error=None):
    fields = field(5, "u", struct.pack("<I", serial))
    fields = padded(fields, 8) + field(8, "g", bytes([len(signature)]) + signature.encode() + b"\0")
    if error:
        fields = padded(fields, 8) + field(4, "s", string(error))
    head = struct.pack("<cBBBIII", b"l", kind, 1, 1, len(body), serial, len(fields))
    return padded(head + fields, 8) + body


def take_string(data, at):
    at += -at % 4
    size = struct.unpack_from("<I", data, at)[0]
    return data[at + 4:at + 4 + size].decode(), at + 4 + size + 1


def move(body, root):
    scope, _ = take_string(body, 0)
    at = body.index(b"PIDs\0") + 5 + len(b"\2au\0")
    at += -at % 4
    size = struct.unpack_from("<I", body, at)[0]
    group = os.path.join(root, "system.slice", scope)
    os.makedirs(group, exist_ok=True)
    for pid in struct.unpack_from(f"<{size // 4}I", body, at + 4):
        with open(os.path.join(group, "cgroup.procs"), "w", encoding="ascii") as procs:
            procs.write(str(pid))
    print(scope, flush=True)


def authenticate(lines):
    lines.read(1)
    while True:
        line = lines.readline().split()
        if not line or line[0] == b"BEGIN":
            return
        answer = {b"AUTH": "DATA", b"DATA": "OK " + GUID, b"NEGOTIATE_UNIX_FD": "AGREE_UNIX_FD"}
        lines.write((answer[line[0]] + "\r\n").encode())
        lines.flush()


def serve(peer, root, how):
    lines = peer.makefile("rwb")
    authenticate(lines)
    while True:
        head = lines.read(16)
        if len(head) < 16:
            return
        body_len, serial, fields_len = struct.unpack_from("<III", head, 4)
        fields = lines.read(fields_len + -fields_len % 8)
        body = lines.read(body_len)
        if b"Hello" in fields:
            lines.write(reply(2, serial, "s", string(":1.1")))
        elif how == "hang":
            continue
        elif how == "refuse":
            lines.write(reply(3, serial, "s", string("no"), "org.freedesktop.DBus.Error.AccessDenied"))
        else:
            move(body, root)
            lines.write(reply(2, serial, "o", string("/org/freedesktop/systemd1/job/1")))
        lines.flush()


def main(path, root, how):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("there", flush=True)
    while True:
        serve(listener.accept()[0], root, how)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
