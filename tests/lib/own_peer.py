#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The peers of own.py, TCP and UDP of both families. Each datagram is also a line of the output.

    proxy PORT       a transparent proxy that answers by itself: "proxy DST PORT PEER LEN";
                     after "loopback" it is bound to loopback only
    direct PORT…     the server: "direct PEER LEN"
"""
import selectors
import socket
import struct
import sys
import threading

IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75
IP_RECVORIGDSTADDR, IPV6_RECVORIGDSTADDR = 20, 74
IP_PKTINFO = 8
SO_RCVBUFFORCE = 33
CLOSING = 3  # after so many bytes of TCP this side closes first


def open_listener(family, kind, port, transparent):
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    level, option, wanted = ((socket.IPPROTO_IP, IP_TRANSPARENT, IP_RECVORIGDSTADDR)
                             if family == socket.AF_INET else
                             (socket.IPPROTO_IPV6, IPV6_TRANSPARENT, IPV6_RECVORIGDSTADDR))
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if transparent:
        sock.setsockopt(level, option, 1)
    if kind == socket.SOCK_DGRAM:
        sock.setsockopt(level, wanted, 1)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    loopback = "127.0.0.1" if family == socket.AF_INET else "::1"
    sock.bind((loopback if "loopback" in sys.argv else "", port))
    if kind == socket.SOCK_STREAM:
        sock.listen(1024)
    return sock


def on_stream(sock, word):
    conn, peer = sock.accept()
    dst = conn.getsockname()
    text = f"proxy {dst[0]} {dst[1]} {peer[0]}" if word == "proxy" else f"direct {peer[0]}"
    conn.settimeout(600)
    threading.Thread(target=serve_stream, args=(conn, text), daemon=True).start()


def serve_stream(conn, text):
    try:
        while True:
            data = conn.recv(65536)
            if not data:
                break
            conn.sendall(f"{text} {len(data)}\n".encode())
            if len(data) == CLOSING:
                break
    except OSError:
        pass
    conn.close()


def original_dst(control, family):
    for _level, kind, data in control:
        if kind == IP_RECVORIGDSTADDR and family == socket.AF_INET:
            return socket.inet_ntoa(data[4:8]), struct.unpack("!H", data[2:4])[0]
        if kind == IPV6_RECVORIGDSTADDR and family == socket.AF_INET6:
            return (socket.inet_ntop(socket.AF_INET6, data[8:24]),
                    struct.unpack("!H", data[2:4])[0])
    return "none", 0


def source_control(family, address):
    """The control message that names the source of a datagram."""
    packed = socket.inet_pton(family, address)
    if family == socket.AF_INET:
        return (socket.IPPROTO_IP, IP_PKTINFO, bytes(4) + packed + bytes(4))
    return (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, packed + bytes(4))


def reply_socket(family, port):
    """Sends from this port. Bound to an address nobody has, because it must receive nothing."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    sock.bind(("198.18.9.9" if family == socket.AF_INET else "2001:db8::9", port))
    return sock


def on_datagram(sock, word):
    data, control, _flags, peer = sock.recvmsg(65536, 256)
    dst = original_dst(control, sock.family)
    text = f"proxy {dst[0]} {dst[1]}" if word == "proxy" else "direct"
    text += f" {peer[0]} {len(data)}"
    print("datagram", dst[1], text, flush=True)
    with reply_socket(sock.family, dst[1]) as back:
        back.sendmsg([text.encode()], [source_control(sock.family, dst[0])], 0, peer)


def serve(word, ports):
    select = selectors.DefaultSelector()
    for port in ports:
        for family in socket.AF_INET, socket.AF_INET6:
            for kind, react in ((socket.SOCK_STREAM, on_stream), (socket.SOCK_DGRAM, on_datagram)):
                sock = open_listener(family, kind, int(port), word == "proxy")
                select.register(sock, selectors.EVENT_READ, react)
    print("ready", flush=True)
    while True:
        for key, _events in select.select():
            try:
                key.data(key.fileobj, word)
            except OSError as error:
                print(error, flush=True)


serve(sys.argv[1], [port for port in sys.argv[2:] if port != "loopback"])
