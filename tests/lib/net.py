#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Small clients and servers for the tests, and queries no command line tool has.

    get HOST PORT PATH [PROGRESS]   download; prints "sha256 bytes longest-gap"
    churn HOST PORT PROGRESS        new connections until SIGTERM; see class Churn
    probe HOST PORT [SECONDS]       the outcome of a TCP connection, in words
    echo PORT                       UDP and TCP echo server, both families
    greet PORT                      as echo, but sends TCP peers their address and port first, and
                                    UDP peers in place of the echo
    udp HOST PORT SIZE [COUNT]      datagrams there and back; prints how many came back
    udp-who HOST PORT               the client's address as the echo server sees it
    udp-error HOST PORT             the ICMP error a datagram meets, and who reports it
    udp-at PORT ADDRESS…            UDP echo server that answers from the address it was asked at
    udp-late PORT                   UDP server that continues to send; prints how it ended
    udp-leave HOST PORT COUNT       its client: takes COUNT datagrams and closes
    udp-two PORT ADDRESS…           server at these addresses; answers also from the next port
    udp-cone HOST HOST2 PORT        asks both; who answered, and whether they saw the same port
    hold HOST PORT GO               connect, wait for file GO, then exchange bytes
    crowd HOST PORT COUNT [GO]      COUNT connections to a greet server, one after the other; prints
                                    the address that it saw of each. They stay until file GO appears
    half-close HOST PORT            sends, shuts down sending, counts the bytes that still come
    late PORT                       the server for half-close
    abort HOST PORT client|server   either side resets; prints how it ended
    attached [IF…]                  program ids on the device's tcx hooks; without IF, on those of
                                    all devices, a line each
    attached-netns PATH             program ids of sk_lookup in that namespace
"""
import ctypes
import errno
import hashlib
import os
import platform
import selectors
import signal
import socket
import struct
import sys
import time


def connect(host, port, timeout):
    return socket.create_connection((host, int(port)), timeout)


def request(sock, host, path):
    name = f"[{host}]" if ":" in host else host
    sock.sendall(f"GET {path} HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())


def publish(path, text):
    """Replaces a file as a whole, because a shell polls it."""
    with open(path + ".new", "w", encoding="ascii") as out:
        out.write(text + "\n")
    os.rename(path + ".new", path)


def cmd_get(host, port, path, progress=None):
    sock = connect(host, port, 20)
    request(sock, host, path)
    head, body, gap, last = b"", 0, 0.0, time.monotonic()
    digest = hashlib.sha256()
    published = 0
    while True:
        data = sock.recv(65536)
        now = time.monotonic()
        gap, last = max(gap, now - last), now
        if not data:
            break
        if b"\r\n\r\n" not in head:
            head += data
            _, mark, data = head.partition(b"\r\n\r\n")
            if not mark:
                continue
        digest.update(data)
        body += len(data)
        if progress and body - published > 65536:
            publish(progress, str(body))
            published = body
    print(digest.hexdigest(), body, f"{gap:.3f}")


class Churn:
    """One connection after the other. PROGRESS holds "done failed relayed direct":
    relayed and direct tell which address the server saw. Errors go to stderr."""

    def __init__(self, host, port, progress):
        self.host, self.port, self.progress = host, port, progress
        self.done = self.failed = self.relayed = self.direct = 0
        self.stop = False

    def once(self):
        with connect(self.host, self.port, 10) as sock:
            mine = sock.getsockname()[0]
            request(sock, self.host, "/whoami")
            text = b""
            while data := sock.recv(4096):
                text += data
        seen = text.partition(b"\r\n\r\n")[2].split()
        if len(seen) != 2:
            raise OSError("no answer, connection closed")
        if seen[0].decode() == mine:
            self.direct += 1
        else:
            self.relayed += 1

    def run(self):
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stop", True))
        while not self.stop:
            start = time.monotonic()
            try:
                self.once()
                self.done += 1
            except OSError as error:
                self.failed += 1
                took = time.monotonic() - start
                print(f"connection {self.done + self.failed}: {error} after {took:.3f} s",
                      file=sys.stderr, flush=True)
            publish(self.progress, f"{self.done} {self.failed} {self.relayed} {self.direct}")


def cmd_churn(host, port, progress):
    Churn(host, port, progress).run()


def cmd_probe(host, port, seconds="10"):
    timeout = float(seconds)
    try:
        sock = connect(host, port, timeout)
    except socket.timeout:
        print("timeout")
        return
    except ConnectionResetError: # after the handshake, or it would be a refusal
        print("connected reset")
        return
    except OSError as error:
        print(os.strerror(error.errno).lower().replace("connection ", ""))
        return
    try:
        print("connected", "data" if sock.recv(1) else "eof")
    except socket.timeout:
        print("connected open")
    except ConnectionResetError:
        print("connected reset")


def serve(port, accept, datagram):
    """TCP and UDP over both families: calls these with the selector and the socket."""
    select = selectors.DefaultSelector()
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            sock = socket.socket(family, kind)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(("", int(port)))
            if kind == socket.SOCK_STREAM:
                sock.listen(256)
            select.register(sock, selectors.EVENT_READ,
                            accept if kind == socket.SOCK_STREAM else datagram)
    while True:
        for key, _ in select.select():
            key.data(select, key.fileobj)


def cmd_echo(port):
    serve(port, echo_accept, echo_datagram)


def echo_accept(select, listener):
    select.register(listener.accept()[0], selectors.EVENT_READ, echo_stream)


def echo_stream(select, sock):
    try:
        data = sock.recv(65536)
        if data:
            sock.sendall(data)
            return
    except OSError:
        pass
    select.unregister(sock)
    sock.close()


def echo_datagram(_select, sock):
    data, peer = sock.recvfrom(65536)
    if data == b"who":
        data = f"{peer[0]} {peer[1]}".encode()
    try:
        sock.sendto(data, peer)
    except OSError as error:
        print(peer, error, flush=True)


def cmd_greet(port):
    serve(port, greet_accept, greet_datagram)


def greet_accept(select, listener):
    sock, peer = listener.accept()
    try:
        sock.sendall(f"{peer[0]} {peer[1]}\n".encode())
        select.register(sock, selectors.EVENT_READ, echo_stream)
    except OSError: # reset meanwhile
        sock.close()


def greet_datagram(_select, sock):
    try:
        _, peer = sock.recvfrom(65536)
        sock.sendto(f"{peer[0]} {peer[1]}\n".encode(), peer)
    except OSError: # about an earlier answer, whose socket was closed
        pass


def udp_socket(host, port):
    """Connected: a reply from any other address never arrives."""
    family, kind, proto, _, address = socket.getaddrinfo(host, int(port),
                                                         type=socket.SOCK_DGRAM)[0]
    sock = socket.socket(family, kind, proto)
    sock.connect(address)
    sock.settimeout(1)
    return sock


def udp_exchange(sock, payload):
    for _ in range(4):
        try:
            sock.send(payload)
            if sock.recv(65536) == payload:
                return True
        except OSError:
            pass
    return False


def cmd_udp(host, port, size, count="1"):
    sock = udp_socket(host, port)
    came = sum(udp_exchange(sock, os.urandom(int(size))) for _ in range(int(count)))
    print(came)


def udp_seen(sock):
    """Address and port that the server sees, or None."""
    for _ in range(4):
        try:
            sock.send(b"who")
            address, port = sock.recv(256).decode().split()[:2]
            return address, int(port)
        except OSError:
            pass
    return None


def cmd_udp_who(host, port):
    sock = udp_socket(host, port)
    mine = sock.getsockname()
    seen = udp_seen(sock)
    if not seen:
        print("nothing")
    else:
        print(seen[0], "same-port" if seen[1] == mine[1] else "other-port")


def cmd_udp_crowd(host, port, count):
    """So many flows at once; prints the address that the server sees of each."""
    socks = [udp_socket(host, port) for _ in range(int(count))]
    for sock in socks:
        seen = udp_seen(sock)
        print(seen[0] if seen else "nothing", flush=True)


IP_RECVERR, IPV6_RECVERR = 11, 25


def cmd_udp_error(host, port):
    sock = udp_socket(host, port)
    v4 = sock.family == socket.AF_INET
    sock.setsockopt(*(socket.IPPROTO_IP, IP_RECVERR, 1) if v4 else
                    (socket.IPPROTO_IPV6, IPV6_RECVERR, 1))
    for _ in range(10):
        try:
            sock.send(b"anybody?")
            sock.recv(64)
        except socket.timeout:
            continue
        except OSError:
            pass
        # struct sock_extended_err, then the reporter's address
        data = sock.recvmsg(64, 512, socket.MSG_ERRQUEUE)[1][0][2]
        at, size = (20, 4) if v4 else (24, 16)
        reporter = socket.inet_ntop(sock.family, data[at:at + size])
        print(errno.errorcode[struct.unpack_from("I", data)[0]], reporter)
        return
    print("nothing")


def cmd_udp_at(port, *addresses):
    select = selectors.DefaultSelector()
    for address in addresses:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                             socket.SOCK_DGRAM)
        sock.bind((address, int(port)))
        select.register(sock, selectors.EVENT_READ)
    while True:
        for key, _ in select.select():
            echo_datagram(select, key.fileobj)


def cmd_udp_late(port):
    """Asked for N datagrams, sends them, and then others until a datagram asks it to stop."""
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("", int(port)))
    while True:
        data, peer, = sock.recvfrom(64)
        own = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        own.bind(("", int(port)))
        own.connect(peer)
        ended = "nothing"
        try:
            for _ in range(int(data)):
                own.send(b"wanted")
            for _ in range(200):
                time.sleep(0.02)
                own.send(b"not wanted")
        except OSError as error:
            ended = errno.errorcode[error.errno]
        own.close()
        print(data.decode(), ended, flush=True)


def cmd_udp_leave(host, port, count):
    sock = udp_socket(host, port)
    sock.settimeout(10)
    sock.send(count.encode())
    for _ in range(int(count)):
        sock.recv(64)
    print("left")


def cmd_udp_two(port, *addresses):
    select = selectors.DefaultSelector()
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        pair = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(2)]
        for i, sock in enumerate(pair):
            sock.bind((address, int(port) + i))
        select.register(pair[0], selectors.EVENT_READ, pair[1])
    while True:
        for key, _ in select.select():
            peer = key.fileobj.recvfrom(64)[1]
            for sock in (key.fileobj, key.data):
                sock.sendto(str(peer[1]).encode(), peer)


def cmd_udp_cone(host, host2, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(1.5)
    sources, ports = {}, set()
    for to in (host, host2):
        sock.sendto(b"who", (to, int(port)))
        try:
            while len([1 for address, _ in sources if address == to]) < 2:
                data, peer = sock.recvfrom(64)
                sources[peer[:2]] = True
                ports.add(data)
        except socket.timeout:
            pass
    print(*(f"{address}:{number}" for address, number in sorted(sources)),
          "same-port" if len(ports) == 1 else "other-port")


def cmd_hold(host, port, go):
    """Says "up" once connected; after GO appears exchanges 1 MB and says "done"."""
    sock = connect(host, port, 10)
    sock.sendall(b"x")
    assert sock.recv(1) == b"x"
    print("up", flush=True)
    while not os.path.exists(go):
        time.sleep(0.05)
    for _ in range(16):
        block, back = os.urandom(65536), b""
        sock.sendall(block)
        while len(back) < len(block):
            data = sock.recv(65536)
            assert data, "closed"
            back += data
        assert back == block, "other bytes"
    print("done", flush=True)


def greeting(host, port, kept):
    try:
        sock = connect(host, port, 10)
        text = sock.recv(64)
    except OSError:
        text = b""
    if text and kept is not None:
        kept.append(sock)
    return text.split()[0].decode() if text else "nothing"


def cmd_crowd(host, port, count, go=None):
    kept = [] if go else None
    for _ in range(int(count)):
        print(greeting(host, port, kept), flush=True)
    print("all", flush=True)
    while go and not os.path.exists(go):
        time.sleep(0.05)


def cmd_half_close(host, port):
    """Against `late PORT`: all sent bytes must have arrived before the answer comes."""
    sock = connect(host, port, 20)
    sock.sendall(b"x" * 1000000)
    sock.shutdown(socket.SHUT_WR)
    answer = b""
    while data := sock.recv(65536):
        answer += data
    print(answer.decode())


def cmd_late(port):
    """Reads to the end, then says how much it was; "abort" as first bytes: resets."""
    listener = socket.create_server(("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        sock = listener.accept()[0]
        count, first = 0, b""
        try:
            while data := sock.recv(65536):
                count += len(data)
                first = first or data
                if first.startswith(b"abort"):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
            else:
                sock.sendall(f"{count} bytes then end".encode())
            print("read", count, flush=True)
        except OSError as error:
            print("read", count, error.strerror, flush=True)
        sock.close()


def cmd_abort(host, port, who):
    """who: server — ask it to reset; client — reset ourselves after 4 bytes."""
    sock = connect(host, port, 10)
    if who == "client":
        sock.sendall(b"ping")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(0.2)
        sock.close()
        print("aborted")
        return
    sock.sendall(b"abort")
    try:
        print("data" if sock.recv(1) else "eof")
    except ConnectionResetError:
        print("reset")


BPF_PROG_QUERY = 16
BPF_SK_LOOKUP = 36
BPF_TCX_INGRESS = 46
BPF_TCX_EGRESS = 47


def prog_query(target, attach_type):
    """Program ids, or None where the kernel does not have this hook."""
    number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
    ids = (ctypes.c_uint32 * 64)()
    attr = struct.pack("=IIIIQIIQQQQ", target, attach_type, 0, 0, ctypes.addressof(ids),
                       len(ids), 0, 0, 0, 0, 0)
    buffer = ctypes.create_string_buffer(attr, len(attr))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, BPF_PROG_QUERY, buffer, len(attr)) < 0:
        return None
    count = struct.unpack_from("=I", buffer.raw, 24)[0]
    return list(ids[:count])


def shown(ids):
    return "no-hook" if ids is None else ids or "-"


def cmd_attached(*devices):
    for device in devices or sorted(name for _, name in socket.if_nameindex()):
        index = socket.if_nametoindex(device)
        print(*[] if devices else [f"tcx {device}:"], shown(prog_query(index, BPF_TCX_INGRESS)),
              shown(prog_query(index, BPF_TCX_EGRESS)))


def cmd_attached_netns(path):
    print(shown(prog_query(os.open(path, os.O_RDONLY), BPF_SK_LOOKUP)))


def main():
    command = globals().get("cmd_" + sys.argv[1].replace("-", "_")) if len(sys.argv) > 1 else None
    if not command:
        sys.exit(__doc__)
    try:
        command(*sys.argv[2:])
    except (OSError, AssertionError) as error:
        sys.exit(f"net.py {sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
