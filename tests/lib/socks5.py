#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A SOCKS5 server that knows only UDP ASSOCIATE, with any number of associations.

    socks5.py PORT [refuse]     refuse: answers every request with "not allowed"
"""
import ipaddress
import selectors
import socket
import struct
import sys

select = selectors.DefaultSelector()


def udp(family):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("", 0))
    return sock


class Association:
    """The TCP connection, a socket for the client, and one of each family for all servers."""

    def __init__(self, control, refuse):
        self.control, self.refuse, self.text, self.greeted = control, refuse, b"", False
        self.client = None
        self.inside = udp(control.family)
        self.outside = {4: udp(socket.AF_INET), 6: udp(socket.AF_INET6)}
        select.register(control, selectors.EVENT_READ, self.on_control)
        select.register(self.inside, selectors.EVENT_READ, self.on_inside)
        for sock in self.outside.values():
            select.register(sock, selectors.EVENT_READ, self.on_outside)

    def on_control(self, sock):
        data = sock.recv(512)
        if not data:
            for each in (sock, self.inside, *self.outside.values()):
                select.unregister(each)
                each.close()
            print("association ended", flush=True)
            return
        self.text += data
        if not self.greeted and len(self.text) >= 3:
            assert self.text[:3] == b"\5\1\0", self.text
            self.text, self.greeted = self.text[3:], True
            sock.sendall(b"\5\0")
        if self.greeted and len(self.text) >= 10:
            assert self.text[:3] == b"\5\3\0", self.text
            self.text = b""
            port = self.inside.getsockname()[1]
            # in two parts, as a network may
            sock.sendall(b"\5\2" if self.refuse else b"\5\0")
            sock.sendall(struct.pack("!BB4sH", 0, 1, bytes(4), port))

    def on_inside(self, sock):
        data, self.client = sock.recvfrom(65536)
        assert data[:3] == bytes(3), data[:3]
        size = {1: 4, 4: 16}[data[3]]
        address = ipaddress.ip_address(data[4:4 + size])
        port = struct.unpack_from("!H", data, 4 + size)[0]
        self.outside[address.version].sendto(data[6 + size:], (str(address), port))

    def on_outside(self, sock):
        data, peer = sock.recvfrom(65536)
        address = ipaddress.ip_address(peer[0])
        head = bytes(3) + bytes([{4: 1, 6: 4}[address.version]]) + address.packed
        self.inside.sendto(head + struct.pack("!H", peer[1]) + data, self.client)


def main():
    listener = socket.create_server(("", int(sys.argv[1])), backlog=128)
    refuse = len(sys.argv) > 2

    def accept(sock):
        control, _ = sock.accept()
        control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Association(control, refuse)
        print("association", flush=True)

    select.register(listener, selectors.EVENT_READ, accept)
    while True:
        for key, _ in select.select():
            if key.fileobj.fileno() >= 0:
                key.data(key.fileobj)


if __name__ == "__main__":
    main()
