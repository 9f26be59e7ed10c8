#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Peers and packets that no ordinary program makes, for the corners of the data path.

    ask HOST PORT KINDS [SECONDS [OPTIONS]]   asks, and prints the answer or the error. KINDS is
                                      tcp, udp or both; with several kinds or options it prints each
                                      different answer once
    tell PORT WORD [ADDRESS [DEVICE]] server that answers "WORD own-address own-port", TCP and UDP,
                                      transparent. Bound to ADDRESS, foreign or not ("" is any), and
                                      to DEVICE
    timed HOST PORT tcp|udp           as ask, with the milliseconds until the answer
    fragments HOST PORT SIZE ORDER    a datagram in fragments; ORDER is a list of their indexes
    hidden HOST PORT tiny|chain       a SYN whose ports or flags only its receiver can read:
                                      cut within the header, or after nine IPv6 headers
    reuse HOST PORT FROM COUNT        connects COUNT times from one port; milliseconds of each
    segments PORT                     server; prints how many segments of a connection, and how many
                                      with data, had come when it read the first bytes
    talk HOST PORT COUNT              short TCP conversations with an echo server; how many succeeded
    flood SOURCES HOST PORT COUNT     SYNs of random ports of the network SOURCES
    pmtu HOST PORT MTU GO             a connection; an ICMP error reports a narrow path for it; kept
                                      until the file GO exists
    late HOST PORT FROM               a segment from port FROM of no connection of this host; prints
                                      whether a reset answers
    farewell HOST PORT                a datagram from a port that is closed before the answer comes
    stray HOST PORT                   an ICMP error about a flow that does not exist
    frame IF MAC SRC PORT DST...      a SYN and a datagram to these addresses, whatever they are
    routed IF MAC SRC DST PORT        a SYN with a source route (IPv6: routing header, one segment)
    refused IF HOST PORT tcp|udp      milliseconds to the refusal, and whether its checksums fit
    tun-refused IF SRC DST PORT       crafted SYN and datagram into a tun; prints the answers
    tunnel NETNS IF NETNS IF          an L3 link between two namespaces, until killed
    tcx IF PIN before|after           attach a program on tcx ingress, first or last
    untcx IF PIN                      removes it
    contend IF PIN                    makes it the first, without end
"""
import ctypes
import errno
import fcntl
import ipaddress
import os
import platform
import random
import select
import selectors
import socket
import struct
import sys
import time

ETH_P_ALL = 3
IP_PKTINFO = 8
IP_RECVERR = 11
IP_RECVORIGDSTADDR = 20
IP_TRANSPARENT = 19
IPV6_RECVERR = 25
IPV6_PKTINFO = 50
IPV6_RECVORIGDSTADDR = 74
IPV6_TRANSPARENT = 75
PACKET_AUXDATA = 8
SOL_PACKET = 263
TP_STATUS_CSUMNOTREADY = 8
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
SYN, RST, ACK = 2, 4, 16


# --- packets ---

def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def packed(text):
    return ipaddress.ip_address(text).packed


def pseudo(src, dst, proto, length):
    if len(src) == 4:
        return src + dst + struct.pack("!BBH", 0, proto, length)
    return src + dst + struct.pack("!IHBB", length, 0, 0, proto)


def checked(src, dst, proto, segment, at):
    """The segment with its checksum at that offset."""
    head = b"" if proto == ICMP else pseudo(src, dst, proto, len(segment))
    value = ~ones_sum(head + segment) & 0xffff
    return segment[:at] + struct.pack("!H", value or 0xffff) + segment[at + 2:]


def ip4(src, dst, proto, payload, ident=0, offset=0, more=False, options=b""):
    header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload),
                         ident, (0x2000 if more else 0) | offset // 8, 64, proto, 0)
    header += src + dst + options
    return header[:10] + struct.pack("!H", ~ones_sum(header) & 0xffff) + header[12:] + payload


def ip6(src, dst, proto, payload):
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, 64) + src + dst + payload


def ip(src, dst, proto, payload):
    return (ip4 if len(src) == 4 else ip6)(src, dst, proto, payload)


def udp(src, sport, dst, dport, data):
    segment = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    return checked(src, dst, UDP, segment, 6)


def tcp(src, sport, dst, dport, seq, flags=SYN):
    segment = struct.pack("!HHIIBBHHH", sport, dport, seq, 0, 0x50, flags, 64240, 0, 0)
    return checked(src, dst, TCP, segment, 16)


def raw_socket(family):
    """Sends whole packets, header included, from any source address."""
    sock = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    return sock


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def own_address(host):
    """Which of our addresses talks to that host."""
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as sock:
        sock.connect((host, 9))
        return sock.getsockname()[0]


def error_name(error):
    if isinstance(error, socket.timeout):
        return "timeout"
    return errno.errorcode.get(error.errno, str(error))


# --- questions and answers ---

PADDING = bytes([0, 0, 1, 4, 0, 0, 0, 0]) # an extension header of 8 bytes, empty
OPTIONS = {
    "none": None,
    "nop": (socket.IPPROTO_IP, socket.IP_OPTIONS, b"\1\1\1\1"),
    "record-route": (socket.IPPROTO_IP, socket.IP_OPTIONS, b"\7\x0f\4" + bytes(12) + b"\0"),
    "timestamp": (socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x44\x0c\5\0" + bytes(8)),
    "full": (socket.IPPROTO_IP, socket.IP_OPTIONS, b"\1" * 40),
    "hop-by-hop": (socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, PADDING),
    "destination": (socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, PADDING),
}


def ask(host, port, kind, seconds, option):
    how = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
    sock = socket.socket(family_of(host), how)
    if OPTIONS[option]:
        sock.setsockopt(*OPTIONS[option])
    if kind == "udp": # or it hears only of errors that the kernel deems final
        level = socket.IPPROTO_IPV6 if ":" in host else socket.IPPROTO_IP
        sock.setsockopt(level, IPV6_RECVERR if ":" in host else IP_RECVERR, 1)
    sock.settimeout(seconds)
    try:
        sock.connect((host, int(port)))
        sock.send(b"who")
        return sock.recv(4096).decode() or "eof"
    except OSError as error:
        return error_name(error)


def cmd_ask(host, port, kinds, seconds="5", options="none"):
    answers = {ask(host, port, kind, float(seconds), option): 1
               for kind in kinds.split(",") for option in options.split(",")}
    print(*answers, sep=", ")


def cmd_timed(host, port, kind):
    start = time.monotonic()
    answer = ask(host, port, kind, 3, "none")
    print(answer, int((time.monotonic() - start) * 1000))


def transparent_socket(family, kind, address, port, device=None):
    sock = socket.socket(family, kind)
    if device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVORIGDSTADDR, 1)
    sock.bind((address, int(port)))
    return sock


def tell_stream(listener, word, _device):
    sock, _ = listener.accept()
    with sock:
        name = sock.getsockname()
        try:
            sock.settimeout(2)
            sock.recv(64)
            sock.sendall(f"{word} {name[0]} {name[1]}".encode())
        except OSError:
            pass


def original(ancillary, family):
    for _, kind, data in ancillary:
        if family == socket.AF_INET and kind == IP_RECVORIGDSTADDR:
            return socket.inet_ntop(family, data[4:8]), struct.unpack("!H", data[2:4])[0]
        if family == socket.AF_INET6 and kind == IPV6_RECVORIGDSTADDR:
            return socket.inet_ntop(family, data[8:24]), struct.unpack("!H", data[2:4])[0]
    return None


def answer_from(sock, address, data, peer):
    """By the listening socket: one bound to the address would take datagrams of other clients."""
    if sock.family == socket.AF_INET:
        info = (socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4x", 0, packed(address)))
    else:
        info = (socket.IPPROTO_IPV6, IPV6_PKTINFO, packed(address) + bytes(4))
    sock.sendmsg([data], [info], 0, peer)


def tell_datagram(sock, word, device):
    """Answers from the address that was asked; of anything longer than "who", the size too."""
    data, ancillary, _, peer = sock.recvmsg(65536, 256)
    name = original(ancillary, sock.family)
    if not name:
        return
    text = f"{word} {name[0]} {name[1]}" + (f" {len(data)}" if len(data) > 3 else "")
    try:
        if name[1] == sock.getsockname()[1]:
            answer_from(sock, name[0], text.encode(), peer)
            return
        with transparent_socket(sock.family, socket.SOCK_DGRAM, *name, device) as answer:
            answer.sendto(text.encode(), peer)
    except OSError:
        pass # a broadcast address cannot be the source of an answer


def cmd_tell(port, word, address="", device=None):
    selector = selectors.DefaultSelector()
    families = [family_of(address)] if address else [socket.AF_INET, socket.AF_INET6]
    for family in families:
        listener = transparent_socket(family, socket.SOCK_STREAM, address, port, device)
        listener.listen(64)
        selector.register(listener, selectors.EVENT_READ, tell_stream)
        selector.register(transparent_socket(family, socket.SOCK_DGRAM, address, port, device),
                         selectors.EVENT_READ, tell_datagram)
    while True:
        for key, _ in selector.select():
            key.data(key.fileobj, word, device)


# --- fragments ---

def split(src, dst, segment, unit, proto=UDP):
    """The datagram's fragments in order; all but the last carry `unit` bytes, a multiple of 8."""
    ident = random.getrandbits(16 if len(src) == 4 else 32)
    pieces = []
    for at in range(0, len(segment), unit):
        piece, more = segment[at:at + unit], at + unit < len(segment)
        if len(src) == 4:
            pieces.append(ip4(src, dst, proto, piece, ident, at, more))
        else:
            header = struct.pack("!BBHI", proto, 0, at | more, ident)
            pieces.append(ip6(src, dst, 44, header + piece))
    return pieces


def cmd_fragments(host, port, size, order):
    """Prints "whole" if the same bytes come back, else "nothing". A unit of 0 sends all in one
    fragment, which IPv6 allows (RFC 6946)."""
    family = family_of(host)
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((host, int(port)))
        sock.settimeout(1)
        mine, sport = sock.getsockname()[:2]
        data = os.urandom(int(size))
        segment = udp(packed(mine), sport, packed(host), int(port), data)
        unit = 1200 if order != "one" else (len(segment) + 7) // 8 * 8
        pieces = split(packed(mine), packed(host), segment, unit)
        order = range(len(pieces)) if order in ("all", "one") else map(int, order.split(","))
        with raw_socket(family) as out:
            for index in order:
                out.sendto(pieces[index], (host, 0))
        try:
            print("whole" if sock.recv(65536) == data else "other bytes")
        except OSError:
            print("nothing")


def chained(src, dst, segment, count):
    """TCP after so many destination options headers that hold only padding."""
    chain = b"".join(bytes([60 if left else TCP, 0, 1, 4, 0, 0, 0, 0])
                     for left in reversed(range(count)))
    return ip6(src, dst, 60, chain + segment)


def cmd_hidden(host, port, how):
    """Prints "answered" when a SYN ACK comes back, else "nothing"."""
    src, dst, sport = packed(own_address(host)), packed(host), random.randrange(20000, 30000)
    segment = tcp(src, sport, dst, int(port), 1)
    packets = split(src, dst, segment, 8, TCP) if how == "tiny" else [chained(src, dst, segment, 9)]
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as sniffer, \
            raw_socket(family_of(host)) as out:
        for packet in packets:
            out.sendto(packet, (host, 0))
        end = time.monotonic() + 2
        while time.monotonic() < end:
            if not select.select([sniffer], [], [], max(0, end - time.monotonic()))[0]:
                break
            packet = sniffer.recv(65536)
            at = 40 if packet[0] >> 4 == 6 else 20
            if packet[at:at + 4] == struct.pack("!HH", int(port), sport) and \
                    packet[at + 13] == SYN | ACK:
                print("answered")
                return
    print("nothing")


# --- TCP ---

def reuse_once(host, port, source):
    sock = socket.socket(family_of(host), socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(5)
    sock.bind(("", int(source)))
    start = time.monotonic()
    sock.connect((host, int(port)))
    took = time.monotonic() - start
    sock.sendall(b"GET /whoami HTTP/1.0\r\n\r\n")
    while sock.recv(4096): # the server ends first: the router, not we, waits in TIME_WAIT
        pass
    sock.close()
    return took


def cmd_reuse(host, port, source, count):
    took = []
    deadline = time.monotonic() + 15
    while len(took) < int(count) and time.monotonic() < deadline:
        try:
            took.append(str(int(reuse_once(host, port, source) * 1000)))
        except OSError as error:
            # our own socket still waits for its last acknowledgement
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EADDRINUSE):
                took.append(error_name(error))
    print(*took)


def talk_once(host, port):
    with socket.create_connection((host, int(port)), 8) as sock:
        data, back = os.urandom(3000), b""
        sock.sendall(data)
        while len(back) < len(data):
            piece = sock.recv(65536)
            if not piece:
                return False
            back += piece
        return back == data


def cmd_talk(host, port, count):
    done = 0
    for _ in range(int(count)):
        try:
            done += talk_once(host, port)
        except OSError as error:
            print(error_name(error), file=sys.stderr)
    print(done)


def cmd_flood(sources, host, port, count):
    network = ipaddress.ip_network(sources)
    dst = packed(host)
    # few senders, many ports: the neighbour table is shared by the whole machine
    senders = [packed(network[n]) for n in range(100, 200)]
    with raw_socket(family_of(host)) as sock:
        for n in range(int(count)):
            src = random.choice(senders)
            segment = tcp(src, random.randint(1024, 65535), dst, int(port), random.getrandbits(32))
            try:
                sock.sendto(ip(src, dst, TCP, segment), (host, 0))
            except OSError:
                pass
            if n % 500 == 0:
                print(n, flush=True)


# --- ICMP ---

def too_big(src, dst, mtu, quote):
    """From the address src about a packet that dst seems to have sent."""
    if len(src) == 4:
        message = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + quote[:28]
        return ip4(src, dst, ICMP, checked(src, dst, ICMP, message, 2))
    message = struct.pack("!BBHI", 2, 0, 0, mtu) + quote[:1200]
    return ip6(src, dst, ICMP6, checked(src, dst, ICMP6, message, 2))


def cmd_pmtu(host, port, mtu, go):
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as sniffer, \
            socket.create_connection((host, int(port)), 8) as sock:
        mine, sport = sock.getsockname()[:2]
        sock.sendall(b"x" * 100)
        received = len(sock.recv(1000))
        seq = acknowledged(sniffer, sport, int(port), received)
        src, dst = packed(mine), packed(host)
        segment = struct.pack("!HHIIBBHHH", int(port), sport, seq, 0, 0x80, ACK, 64240, 0, 0)
        quote = ip(dst, src, TCP, segment + bytes(1400))
        with raw_socket(family_of(host)) as out:
            out.sendto(too_big(src, dst, int(mtu), quote), (host, 0))
        print("sent", sport, flush=True)
        while not os.path.exists(go):
            time.sleep(0.02)
        for _ in range(8):
            data, back = os.urandom(60000), b""
            sock.sendall(data)
            while len(back) < len(data):
                piece = sock.recv(65536)
                assert piece, "closed"
                back += piece
            assert back == data, "other bytes"
        print("alive")


def acknowledged(sniffer, sport, dport, received):
    """The sequence number after what we received, once a packet of ours has acknowledged it: an
    error about an older one would be out of the window, and ACKs are delayed."""
    sniffer.settimeout(5)
    first = None
    while True:
        packet, address = sniffer.recvfrom(65536)
        if address[1] not in (0x0800, 0x86dd):
            continue
        at = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
        if len(packet) < at + 14:
            continue
        ports = struct.unpack_from("!HH", packet, at)
        seq, ack = struct.unpack_from("!II", packet, at + 4)
        if ports == (dport, sport) and packet[at + 13] & SYN:
            first = seq + 1
        elif ports == (sport, dport) and first and ack == (first + received) & 0xffffffff:
            return ack


def cmd_stray(host, port):
    src, dst = packed(own_address(host)), packed(host)
    quote = ip(dst, src, TCP, tcp(dst, int(port), src, 9, 1, ACK))
    with raw_socket(family_of(host)) as out:
        out.sendto(too_big(src, dst, 1300, quote), (host, 0))


def cmd_late(host, port, source):
    src, dst, ports = packed(own_address(host)), packed(host), (int(port), int(source))
    family = family_of(host)
    with socket.socket(family, socket.SOCK_RAW, TCP) as sniffer, raw_socket(family) as sender:
        sniffer.settimeout(5)
        segment = tcp(src, ports[1], dst, ports[0], 1000, ACK)
        sender.sendto(ip(src, dst, TCP, segment), (host, 0))
        try:
            while True:
                heard = sniffer.recv(65536)
                at = (heard[0] & 15) * 4 if family == socket.AF_INET else 0
                if struct.unpack_from("!HH", heard, at) == ports and heard[at + 13] & RST:
                    print("reset")
                    return
        except socket.timeout:
            print("silence")


def cmd_farewell(host, port):
    """Sends from a port that no socket has, so that the answer meets a closed one."""
    src, dst = packed(own_address(host)), packed(host)
    with raw_socket(family_of(host)) as out:
        out.sendto(ip(src, dst, UDP, udp(src, 40001, dst, int(port), b"who")), (host, 0))


# --- frames ---

def link_socket(device):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((device, 0))
    return sock


def send_frame(device, mac, packet):
    with link_socket(device) as sock:
        own = sock.getsockname()[4]
        kind = 0x0800 if packet[0] >> 4 == 4 else 0x86dd
        sock.send(bytes.fromhex(mac.replace(":", "")) + own + struct.pack("!H", kind) + packet)


def start_of(kind, src, dst, port):
    if kind == "tcp":
        return ip(src, dst, TCP, tcp(src, 40000, dst, port, 1))
    return ip(src, dst, UDP, udp(src, 40000, dst, port, b"hello"))


def cmd_frame(device, mac, src, port, *dsts):
    for dst in dsts:
        for kind in ("tcp", "udp"):
            send_frame(device, mac, start_of(kind, packed(src), packed(dst), int(port)))


def cmd_routed(device, mac, src, dst, port):
    src, dst = packed(src), packed(dst)
    segment = tcp(src, 40000, dst, int(port), 1)
    if len(src) == 4:
        packet = ip4(src, dst, TCP, segment, options=b"\x83\x07\x04" + dst + b"\0")
    else:
        packet = ip6(src, dst, 43, struct.pack("!BBBBI", TCP, 2, 2, 1, 0) + dst + segment)
    send_frame(device, mac, packet)


# --- refusals ---

def judge(packet, partial):
    """Whether a receiver accepts the packet's checksums. partial: the device had to fill in the
    transport checksum, which still holds the sum of the pseudo header."""
    if packet[0] >> 4 == 4:
        head, proto = (packet[0] & 15) * 4, packet[9]
        src, dst = packet[12:16], packet[16:20]
        if ones_sum(packet[:head]) != 0xffff:
            return "bad-ip"
        payload = packet[head:struct.unpack_from("!H", packet, 2)[0]]
    else:
        proto, src, dst = packet[6], packet[8:24], packet[24:40]
        payload = packet[40:40 + struct.unpack_from("!H", packet, 4)[0]]
    prefix = b"" if proto == ICMP else pseudo(src, dst, proto, len(payload))
    if ones_sum(prefix + payload) == 0xffff:
        return "good"
    if partial and proto == TCP and struct.unpack_from("!H", payload, 16)[0] == ones_sum(prefix):
        return "left-to-device"
    return "bad"


def is_refusal(packet, src, dst):
    if packet[0] >> 4 == 4:
        at, proto, ends = (packet[0] & 15) * 4, packet[9], (packet[12:16], packet[16:20])
    else:
        at, proto, ends = 40, packet[6], (packet[8:24], packet[24:40])
    if ends != (dst, src):
        return False
    if proto == TCP:
        return packet[at + 13] & RST
    return (proto, packet[at]) in ((ICMP, 3), (ICMP6, 1))


def cmd_refused(device, host, port, kind):
    """Prints the error, "quick" or the milliseconds, and the verdict on the packet's checksums."""
    src, dst = packed(own_address(host)), packed(host)
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as sniffer:
        sniffer.bind((device, ETH_P_ALL))
        sniffer.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        start = time.monotonic()
        answer = ask(host, port, kind, 3, "none")
        took = int((time.monotonic() - start) * 1000)
        verdict = "no-refusal"
        while select.select([sniffer], [], [], 0.3)[0]:
            packet, extra, _, _ = sniffer.recvmsg(65536, 256)
            status = struct.unpack_from("I", extra[0][2])[0] if extra else 0
            if is_refusal(packet, src, dst):
                verdict = judge(packet, status & TP_STATUS_CSUMNOTREADY)
                break
    print(answer, "quick" if took < 500 else took, verdict)


# --- tun ---

TUNSETIFF = 0x400454ca
IFF_TUN_NO_PI = 0x1001
SIOCGIFFLAGS = 0x8913
IFF_UP, IFF_RUNNING = 1, 0x40
LIBC = ctypes.CDLL(None, use_errno=True)


def wait_running(device, seconds=5):
    """Carrier comes with open(), but the kernel may take a second to let packets out."""
    deadline = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        while time.monotonic() < deadline:
            answer = fcntl.ioctl(sock, SIOCGIFFLAGS, struct.pack("16s24x", device.encode()))
            flags = struct.unpack_from("H", answer, 16)[0]
            if not flags & IFF_UP or flags & IFF_RUNNING:
                return
            time.sleep(0.02)


def open_tun(device):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN_NO_PI))
    wait_running(device)
    return fd


def enter_netns(path):
    with open(path, "rb") as netns:
        if LIBC.setns(netns.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")


def tun_ask(fd, packet, source, target):
    """Sends again, as a client does: a device that has just got its carrier may lose the answer."""
    for _ in range(3):
        os.write(fd, packet)
        while select.select([fd], [], [], 1)[0]:
            answer = os.read(fd, 65536)
            if is_refusal(answer, source, target):
                return judge(answer, False)
    return "nothing"


def cmd_tun_refused(device, src, dst, port):
    """The device exists and is up. One line for TCP, one for UDP."""
    source, target = packed(src), packed(dst)
    fd = open_tun(device)
    for kind in ("tcp", "udp"):
        print(kind, tun_ask(fd, start_of(kind, source, target, int(port)), source, target))


def cmd_tunnel(netns1, device1, netns2, device2):
    fds = []
    for netns, device in ((netns1, device1), (netns2, device2)):
        enter_netns(netns)
        fds.append(open_tun(device))
    print("up", flush=True)
    while True:
        for fd in select.select(fds, [], [])[0]:
            packet = os.read(fd, 65536)
            try:
                os.write(fds[1 - fds.index(fd)], packet)
            except OSError:
                pass # the other end is down


# --- bpf ---

BPF_OBJ_GET, BPF_PROG_ATTACH, BPF_PROG_DETACH = 7, 8, 9
BPF_TCX_INGRESS = 46
BPF_F_BEFORE, BPF_F_AFTER = 1 << 3, 1 << 4


def bpf(command, attr):
    number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
    buffer = ctypes.create_string_buffer(attr, len(attr))
    result = LIBC.syscall(number, command, buffer, len(attr))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def pinned(path):
    name = ctypes.create_string_buffer(path.encode())
    return bpf(BPF_OBJ_GET, struct.pack("=QII", ctypes.addressof(name), 0, 0))


def tcx(command, device, pin, flags):
    attr = struct.pack("=IIIIIIQ", socket.if_nametoindex(device), pinned(pin), BPF_TCX_INGRESS,
                       flags, 0, 0, 0)
    bpf(command, attr)


def cmd_tcx(device, pin, where):
    tcx(BPF_PROG_ATTACH, device, pin, {"before": BPF_F_BEFORE, "after": BPF_F_AFTER}[where])


def cmd_untcx(device, pin):
    tcx(BPF_PROG_DETACH, device, pin, 0)


def cmd_contend(device, pin):
    while True:
        cmd_untcx(device, pin)
        cmd_tcx(device, pin, "before")
        time.sleep(0.3)


def cmd_segments(port):
    listener = socket.create_server(("::", int(port)), family=socket.AF_INET6,
                                    dualstack_ipv6=True)
    while True:
        with listener.accept()[0] as conn:
            conn.recv(1)
            info = conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
            print(*struct.unpack_from("=I", info, 140), *struct.unpack_from("=I", info, 152),
                  flush=True)


def main():
    command = globals().get("cmd_" + sys.argv[1].replace("-", "_")) if len(sys.argv) > 1 else None
    if not command:
        sys.exit(__doc__)
    try:
        command(*sys.argv[2:])
    except KeyboardInterrupt:
        pass
    except (OSError, AssertionError) as error:
        sys.exit(f"corner.py {sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
