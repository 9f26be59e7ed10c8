# SPDX-License-Identifier: BSD-2-Clause
"""Listeners that know nothing of transparency, and what asks them.

adopt.py serve [OPTION...] ADDRESS PORT...   answers with the local address, as getsockname says
  --fork N       N workers share the socket
  --workers N    N processes, each with a SO_REUSEPORT socket of its own
  --v4, --v6     :: takes only ... (default: both)
  --original     answers with SO_ORIGINAL_DST, by the level of the client's family
  --probe        answers with one line for each of several calls of getsockopt
  --relay        a proxy for REDIRECT: asks for SO_ORIGINAL_DST and connects to it
  --udp          datagrams, with IP_RECVORIGDSTADDR; --pktinfo, --plain: with less
  --mptcp, --unix, --idle, --connected UDP|..  other sockets
adopt.py local                               the same calls on sockets that no rule concerns
adopt.py ask-mptcp ADDRESS PORT              one answer, by MPTCP
adopt.py lines ADDRESS PORT                  all lines of an answer
adopt.py opaque PID PORT                     clears IP_TRANSPARENT of its listener
adopt.py ask ADDRESS PORT [COUNT]            prints the answers of COUNT connections, each with its number
adopt.py dgram ADDRESS PORT                  the same for one datagram
adopt.py right ADDRESS PORT COUNT            how many of COUNT connections were answered with ADDRESS PORT
"""
import ctypes
import os
import socket
import struct
import sys
import threading

IP_RECVORIGDSTADDR = 20
IPV6_RECVORIGDSTADDR = 74
SO_ORIGINAL_DST = 80


def text(address):
    host = address[0].split("%")[0]
    if host.startswith("::ffff:"):
        host = host[7:]
    return f"{host} {address[1]}"


def original(conn):
    """What a program for REDIRECT does."""
    mapped = conn.family == socket.AF_INET6 and conn.getpeername()[0].startswith("::ffff:")
    v4 = conn.family == socket.AF_INET or mapped
    try:
        raw = conn.getsockopt(0 if v4 else 41, SO_ORIGINAL_DST, 16 if v4 else 28)
    except OSError as e:
        return f"error {e.errno}"
    return shown(raw)


LIBC = ctypes.CDLL(None, use_errno=True)


def call(sock, level, option, size):
    """getsockopt without the limits of Python: (errno, length, bytes)."""
    buf, length = ctypes.create_string_buffer(size), ctypes.c_uint32(size)
    failed = LIBC.getsockopt(sock.fileno(), level, option, buf, ctypes.byref(length))
    return ctypes.get_errno() if failed else 0, length.value, buf.raw[:length.value]


def shown(raw):
    family, port = struct.unpack("=H", raw[:2])[0], struct.unpack("!H", raw[2:4])[0]
    at, size = (4, 4) if family == socket.AF_INET else (8, 16)
    return f"{socket.inet_ntop(family, raw[at:at + size])} {port}"


def probe(conn):
    """Each line: which call, and its answer or errno."""
    for name, level, size in (
        ("ip", 0, 16), ("ip-long", 0, 128), ("ip-short", 0, 15), ("ip-huge", 0, 8192),
        ("ipv6", 41, 28), ("ipv6-long", 41, 128), ("ipv6-short", 41, 27), ("ipv6-huge", 41, 8192),
    ):
        err, length, raw = call(conn, level, SO_ORIGINAL_DST, size)
        yield f"{name} {shown(raw) + f' {length}' if not err else f'errno {err}'}"
    yield f"other errno {call(conn, 0, 9999, 16)[0]}"
    yield f"other-huge errno {call(conn, 0, 9999, 8192)[0]}"
    yield f"sndbuf errno {call(conn, socket.SOL_SOCKET, socket.SO_SNDBUF, 4)[0]}"


def local():
    """Sockets that are no connection of a proxy."""
    names = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
    for family, host in names.items():
        with socket.socket(family) as listener, socket.socket(family, socket.SOCK_DGRAM) as udp:
            listener.bind((host, 0))
            listener.listen()
            udp.connect((host, 9))
            with socket.create_connection(listener.getsockname()[:2]) as s:
                for name, sock in (("tcp", s), ("listener", listener), ("udp", udp)):
                    for line in probe(sock):
                        print(name, family.name, line)
    os.setgroups(range(1000, 2500))
    a, b = socket.socketpair()
    err, length, raw = call(a, socket.SOL_SOCKET, 59, 8192)
    print("peergroups", err, length, sum(struct.unpack(f"={length // 4}I", raw)) if not err else "")


def pump(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)


def relay(conn):
    host, port = original(conn).split()
    with socket.create_connection((host, int(port)), 10) as onward:
        threading.Thread(target=pump, args=(conn, onward), daemon=True).start()
        pump(onward, conn)


def answer(conn, options):
    with conn:
        try:
            if "--relay" in options:
                relay(conn)
                return
            if "--probe" in options:
                conn.sendall("".join(line + "\n" for line in probe(conn)).encode())
                return
            if "--original" in options:
                line = original(conn)
            else:
                line = text(conn.getsockname())
            conn.sendall(f"{line} {os.getpid()}\n".encode())
        except OSError as e:
            print("answer:", e, flush=True)


def accept(listener, options):
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=answer, args=(conn, options), daemon=True).start()


def make(address, port, options):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_DGRAM if "--udp" in options else socket.SOCK_STREAM
    s = socket.socket(family, kind, 262 if "--mptcp" in options else 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if "--workers" in options:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, "--v6" in options)
    s.bind((address, port))
    if "--connected" in options:
        s.connect((address, 9))
    elif "--udp" not in options and "--idle" not in options:
        s.listen(512)
    return s


def datagrams(s, options):
    if "--plain" not in options:
        if s.family == socket.AF_INET6:
            option = 49 if "--pktinfo" in options else IPV6_RECVORIGDSTADDR
            s.setsockopt(socket.IPPROTO_IPV6, option, 1)
        s.setsockopt(socket.SOL_IP, 8 if "--pktinfo" in options else IP_RECVORIGDSTADDR, 1)
    print("ready", flush=True)
    while True:
        _, controls, _, peer = s.recvmsg(2048, 512)
        for level, kind, raw in controls:
            if (level, kind) == (socket.SOL_IP, IP_RECVORIGDSTADDR):
                host, port = socket.inet_ntop(socket.AF_INET, raw[4:8]), struct.unpack("!H", raw[2:4])[0]
            elif (level, kind) == (socket.IPPROTO_IPV6, IPV6_RECVORIGDSTADDR):
                host, port = socket.inet_ntop(socket.AF_INET6, raw[8:24]), struct.unpack("!H", raw[2:4])[0]
            else:
                continue
            # it has no right to answer from that address, so it prints what it learned
            print(f"datagram {host} {port}", flush=True)


def serve(options, address, ports):
    if "--unix" in options:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.bind(f"\0adopt-{os.getpid()}")
        s.listen()
        print("ready", flush=True)
        threading.Event().wait()
    for _ in range(options.get("--workers", 1) - 1):
        if not os.fork():
            break
    sockets = [make(address, port, options) for port in ports]
    for _ in range(options.get("--fork", 0)):
        if not os.fork():
            break
    if "--udp" in options and "--connected" not in options:
        datagrams(sockets[0], options)
    if "--udp" not in options and "--idle" not in options and "--connected" not in options:
        for s in sockets:
            threading.Thread(target=accept, args=(s, options), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


def ask(address, port):
    try:
        with socket.create_connection((address, port), 10) as s:
            return s.makefile().readline().split()
    except OSError as e:
        return [type(e).__name__]


def asks(address, port, count):
    seen = {}
    for _ in range(count):
        line = " ".join(ask(address, port)[:2])
        seen[line] = seen.get(line, 0) + 1
    for line, n in sorted(seen.items()):
        print(line if count == 1 else f"{line} {n}")


def opaque(pid, port):
    """Clears IP_TRANSPARENT of the listener of a process."""
    pidfd = os.pidfd_open(pid)
    for number in map(int, os.listdir(f"/proc/{pid}/fd")):
        fd = LIBC.syscall(438, pidfd, number, 0)  # pidfd_getfd
        try:
            with socket.socket(fileno=fd) as s:
                if s.getsockname()[1:2] == (port,):
                    s.setsockopt(socket.SOL_IP, 19, 0)
        except OSError:
            pass


def lines(address, port):
    with socket.create_connection((address, port), 10) as s:
        print(s.makefile().read(), end="")


def main(argv):
    command, argv = argv[1], argv[2:]
    options = {}
    while argv and argv[0].startswith("--"):
        option = argv.pop(0)
        options[option] = int(argv.pop(0)) if option in ("--fork", "--workers") else 1
    if command == "serve":
        serve(options, argv[0], [int(p) for p in argv[1:]])
    elif command == "ask":
        asks(argv[0], int(argv[1]), int(argv[2]) if len(argv) > 2 else 1)
    elif command == "ask-mptcp":
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as s:
            s.connect((argv[0], int(argv[1])))
            print(" ".join(s.makefile().readline().split()[:2]))
    elif command == "lines":
        lines(argv[0], int(argv[1]))
    elif command == "opaque":
        opaque(int(argv[0]), int(argv[1]))
    elif command == "local":
        local()
    elif command == "workers":
        print(len({ask(argv[0], int(argv[1]))[-1] for _ in range(int(argv[2]))}))
    elif command == "right":
        want = [str(argv[0]), str(argv[1])]
        print(sum(ask(argv[0], int(argv[1]))[:2] == want for _ in range(int(argv[2]))))
    elif command == "dgram":
        family = socket.AF_INET6 if ":" in argv[0] else socket.AF_INET
        socket.socket(family, socket.SOCK_DGRAM).sendto(b"x", (argv[0], int(argv[1])))


main(sys.argv)
