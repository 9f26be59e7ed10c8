#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""One socket of an application, for the tests of a host's own traffic. Its peers: own_peer.py.

    tcp4|tcp6|mptcp4|mptcp6|udp4|udp6 STEP…
                            one socket, and a line for each step that has something to report

Steps of a socket: bind=ADDR dev=IF mark=N ttl=N reuse nosum
    connect=ADDR:PORT       prints an errno if it fails
    nonblock=ADDR:PORT      the same with a socket that does not wait
    fastopen=ADDR:PORT      the same by sendto with MSG_FASTOPEN
    unconnect               connect with AF_UNSPEC
    say[=LEN]               sends and prints the answer
    ask=ADDR:PORT[,LEN]     the same with sendto; the answer must come from there
    pkt=IF|ADDR,ADDR:PORT   the same, with a control message that names device or source
    listen=ADDR:PORT        another socket listens there
    descriptors=N           the process has so many, with others that it starts
    hop=ADDR                a source route by this router
    spoof=SRC:PORT,ADDR:PORT    another socket sends to ADDR from a foreign address
    unicast=IF              IP_UNICAST_IF
    cork=ADDR:PORT          one datagram in three parts (MSG_MORE)
    gso=ADDR:PORT,N         N datagrams by one call (UDP_SEGMENT), prints how many were answered
    mmsg=ADDR:PORT,…        a datagram to each by one call of sendmmsg
    echo                    answers one datagram with "echo PEER"
    recv                    prints what comes, or "nothing" after a second
    peer, local, getmark    print what the socket says
    threads=N,ADDR:PORT,…   N threads, 200 datagrams each, in turn to these; prints how many failed
    many=N,ADDR:PORT        N datagrams to as many addresses from ADDR on; prints how many failed
    queries=N,ADDR:PORT,…   N datagrams in turn to these; sockets=N,…: each from a new socket
    again=N,ADDR:PORT       N connections from the same port, one after the other; the server closes
    wait=FILE               until it exists
    quick                   prints "quick" if the step before took less than 250 ms
"""
import ctypes
import errno
import ipaddress
import os
import resource
import selectors
import signal
import socket
import struct
import sys
import threading
import time

IP_UNICAST_IF, IPV6_UNICAST_IF = 50, 76
IP_PKTINFO = 8
IP_OPTIONS, IPV6_RTHDR = 4, 57
LSRR = 131
PR_SET_PDEATHSIG = 1
IP_FREEBIND, IPV6_FREEBIND = 15, 78
UDP_SEGMENT = 103
SO_NO_CHECK = 11
MSG_FASTOPEN = 0x20000000
CLOSING = 3  # after so many bytes of TCP the server closes first


def split(text):
    """ADDR:PORT, with the last colon before the port."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def plain(addr):
    return addr[7:] if addr.startswith("::ffff:") else addr


# ---- one socket ---------------------------------------------------------------------------------

class Client:
    def __init__(self, name):
        self.v6 = name.endswith("6")
        self.stream = not name.startswith("udp")
        self.family = socket.AF_INET6 if self.v6 else socket.AF_INET
        self.level = socket.IPPROTO_IPV6 if self.v6 else socket.IPPROTO_IP
        self.proto = 262 if name.startswith("mptcp") else 0
        self.sock = self.open()
        self.took = 0

    def open(self):
        kind = socket.SOCK_STREAM if self.stream else socket.SOCK_DGRAM
        sock = socket.socket(self.family, kind, self.proto)
        sock.settimeout(2)
        return sock

    def data(self, size=2):
        return b"x" * int(size)

    def recv(self, wanted=None):
        try:
            data, peer = self.sock.recvfrom(65536)
        except TimeoutError:
            return "nothing"
        text = data.decode().strip()
        if wanted and (plain(peer[0]), peer[1]) != (plain(wanted[0]), wanted[1]):
            text += f" from {peer[0]} {peer[1]}"
        return text

    def step(self, name, value):
        if name == "quick":
            return "quick" if self.took < 0.25 else f"{self.took:.3f} s"
        begin = time.monotonic()
        try:
            return getattr(self, "do_" + name)(*([value] if value else []))
        finally:
            self.took = time.monotonic() - begin

    def do_bind(self, addr):
        self.sock.bind(split(addr) if addr.count(":") in (1, 8) or "]" in addr else (addr, 0))

    def do_dev(self, name):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")

    def do_mark(self, mark):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, int(mark, 0))

    def do_ttl(self, ttl):
        option = socket.IPV6_UNICAST_HOPS if self.v6 else socket.IP_TTL
        self.sock.setsockopt(self.level, option, int(ttl))

    def do_nosum(self):
        self.sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)

    def do_listen(self, addr):
        self.listener = socket.create_server(split(addr))

    def do_descriptors(self, total):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        try:
            while True:
                os.dup(0)
        except OSError:
            pass
        for _ in range(int(total) // limit + 1):
            if not os.fork():
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                signal.pause()
        return "full"

    def do_hop(self, addr):
        if self.v6:
            hop = socket.inet_pton(self.family, addr)
            header = struct.pack("=BBBBBBH", 0, 4, 4, 1, 1, 0, 0) + bytes(16) + hop
            self.sock.setsockopt(self.level, IPV6_RTHDR, header)
        else:
            option = bytes((LSRR, 7, 4)) + socket.inet_aton(addr) + b"\0"
            self.sock.setsockopt(self.level, IP_OPTIONS, option)

    def do_spoof(self, value):
        src, dst = value.split(",")
        with socket.socket(self.family, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(self.level, IPV6_FREEBIND if self.v6 else IP_FREEBIND, 1)
            sock.bind(split(src))
            sock.sendto(self.data(), split(dst))

    def do_reuse(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def do_unicast(self, name):
        index = struct.pack("!I", socket.if_nametoindex(name))
        self.sock.setsockopt(self.level, IPV6_UNICAST_IF if self.v6 else IP_UNICAST_IF, index)

    def do_getmark(self):
        return hex(self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_MARK))

    def do_peer(self):
        return "%s %s" % self.sock.getpeername()[:2]

    def do_local(self):
        return self.sock.getsockname()[0]

    def do_connect(self, dst):
        self.sock.connect(split(dst))

    def do_nonblock(self, dst):
        self.sock.setblocking(False)
        error = self.sock.connect_ex(split(dst))
        if error != errno.EINPROGRESS:
            return errno.errorcode.get(error, "connected")
        select = selectors.DefaultSelector()
        select.register(self.sock, selectors.EVENT_WRITE)
        select.select(2)
        self.sock.setblocking(True)
        self.sock.settimeout(2)
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return errno.errorcode[error] if error else None

    def do_fastopen(self, dst):
        self.sock.setblocking(True)
        self.sock.sendto(self.data(), MSG_FASTOPEN, split(dst))
        return self.recv()

    def do_unconnect(self):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.connect(self.sock.fileno(), bytes(28), 28)

    def do_say(self, size=2):
        self.sock.send(self.data(size))
        return self.recv()

    def do_send(self, size=2):
        self.sock.send(self.data(size))

    def do_ask(self, dst):
        dst, _, size = dst.partition(",")
        self.sock.sendto(self.data(size or 2), split(dst))
        return self.recv(split(dst))

    def do_echo(self):
        self.sock.settimeout(30)
        peer = self.sock.recvfrom(65536)[1]
        self.sock.sendto(b"echo " + plain(peer[0]).encode(), peer)
        self.sock.settimeout(2)

    def do_recv(self):
        return self.recv()

    def do_pkt(self, value):
        name, _, dst = value.partition(",")
        index = 0 if ":" in name or "." in name else socket.if_nametoindex(name)
        if self.v6:
            src = socket.inet_pton(self.family, name if not index else "::")
            control = (self.level, socket.IPV6_PKTINFO, src + struct.pack("=I", index))
        else:
            src = socket.inet_aton(name if not index else "0.0.0.0")
            control = (self.level, IP_PKTINFO, struct.pack("=I", index) + src + bytes(4))
        self.sock.sendmsg([self.data()], [control], 0, split(dst))
        return self.recv(split(dst))

    def do_cork(self, dst):
        for _part in range(2):
            self.sock.sendto(self.data(100), socket.MSG_MORE, split(dst))
        self.sock.sendto(self.data(100), split(dst))
        return self.recv(split(dst))

    def do_gso(self, value):
        dst, _, count = value.partition(",")
        control = (socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", 1000))
        self.sock.sendmsg([self.data(1000 * int(count))], [control], 0, split(dst))
        answers = {self.recv(split(dst)) for _ in range(int(count))}
        return " / ".join(sorted(answers))

    def do_mmsg(self, value):
        answers = []
        send_many(self.sock, [split(dst) for dst in value.split(",")], self.v6)
        for _ in value.split(","):
            data, peer = self.sock.recvfrom(65536)
            answers.append(f"{data.decode()} from {plain(peer[0])} {peer[1]}")
        return "\n".join(sorted(answers))

    def do_threads(self, value):
        count, *dsts = value.split(",")
        failed = []

        def work(number):
            for i in range(200):
                try:
                    self.sock.sendto(self.data(), split(dsts[(number + i) % len(dsts)]))
                except OSError as error:
                    failed.append(error)
        workers = [threading.Thread(target=work, args=(n,)) for n in range(int(count))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return str(len(failed))

    def do_queries(self, value):
        count, *dsts = value.split(",")
        for i in range(int(count)):
            self.sock.sendto(self.data(), split(dsts[i % len(dsts)]))

    def do_sockets(self, value):
        count, *dsts = value.split(",")
        for i in range(int(count)):
            with self.open() as sock:
                sock.sendto(self.data(), split(dsts[i % len(dsts)]))

    def do_many(self, value):
        count, dst = value.split(",")
        host, port = split(dst)
        first, failed = int(ipaddress.ip_address(host)), 0
        for i in range(int(count)):
            try:
                self.sock.sendto(self.data(), (str(ipaddress.ip_address(first + i)), port))
            except OSError:
                failed += 1
        return str(failed)

    def do_again(self, value):
        count, dst = value.split(",")
        answers = {}
        port = 0
        for _ in range(int(count)):
            self.sock = self.open()
            self.do_reuse()
            self.sock.bind(("", port))
            self.sock.connect(split(dst))
            port = self.sock.getsockname()[1]
            answer = self.do_say(CLOSING)
            while self.sock.recv(100):
                pass
            self.sock.close()
            answers[answer] = answers.get(answer, 0) + 1
        return " / ".join(f"{n} {text}" for text, n in answers.items())

    def do_wait(self, path):
        while not os.path.exists(path):
            time.sleep(0.02)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("namelen", ctypes.c_uint32),
                ("iov", ctypes.POINTER(Iovec)), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class Mmsghdr(ctypes.Structure):
    _fields_ = [("head", Msghdr), ("len", ctypes.c_uint)]


def sockaddr(dst, v6):
    if v6:
        return (struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", dst[1], 0) +
                socket.inet_pton(socket.AF_INET6, dst[0]) + bytes(4))
    return (struct.pack("=H", socket.AF_INET) + struct.pack("!H", dst[1]) +
            socket.inet_aton(dst[0]) + bytes(8))


def send_many(sock, dsts, v6):
    libc = ctypes.CDLL(None, use_errno=True)
    messages = (Mmsghdr * len(dsts))()
    for message, dst in zip(messages, dsts):
        addr = sockaddr(dst, v6)
        message.head.name, message.head.namelen = addr, len(addr)
        message.head.iov = ctypes.pointer(Iovec(b"xx", 2))
        message.head.iovlen = 1
    sent = libc.sendmmsg(sock.fileno(), messages, len(dsts), 0)
    if sent != len(dsts):
        raise OSError(ctypes.get_errno(), f"sendmmsg: {sent}")


def run(name, steps):
    client = Client(name)
    for step in steps:
        verb, _, value = step.partition("=")
        try:
            line = client.step(verb, value)
        except OSError as error:
            line = errno.errorcode.get(error.errno, str(error))
        if line is not None:
            print(line, flush=True)


run(sys.argv[1], sys.argv[2:])
