#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Load that judges itself: new connections, long ones, datagrams, over both families.

    load REPORT PROGRESS PORT KIND… -- HOST…
                                        against `net.py greet PORT` until SIGTERM; KIND as in
                                        class Load. REPORT gets a line "start ready end kind
                                        host way error" for each connection, PROGRESS "relayed
                                        direct failed" so far
    judge REPORT STATES                 STATES: lines "STATE TIME", each until the next: attaching,
                                        qdisc (attaching with a new clsact qdisc), attached,
                                        detaching, detached; says what should not have happened

Times are seconds of CLOCK_REALTIME, as $EPOCHREALTIME.
"""
import os
import signal
import socket
import sys
import threading
import time

TIMEOUT = 10    # s; far more than anything needs
LOST = 5        # s until a datagram counts as lost
BLOCK = b"x" * 1000


class Load:
    """KIND: new (one short connection after the other), long (the same, of about a second each),
    forever (one, which must never break), udp (a new socket for each datagram)."""

    def __init__(self, report, progress, port):
        self.report = open(report, "w", encoding="ascii", buffering=1)
        self.progress, self.port = progress, int(port)
        self.count = {"relayed": 0, "direct": 0, "failed": 0}
        self.lock = threading.Lock()
        self.stop = False

    def tell(self, times, kind, host, way, error):
        with self.lock:
            self.count["failed" if error else way] += 1
            self.report.write(" ".join([f"{t:.6f}" for t in times] + [kind, host, way]) +
                              f" {error}\n")
            with open(self.progress + ".new", "w", encoding="ascii") as out:
                out.write(" ".join(map(str, self.count.values())) + "\n")
            os.rename(self.progress + ".new", self.progress)

    def stream(self, kind, host, flow):
        with socket.create_connection((host, self.port), TIMEOUT) as sock:
            mine = "{} {}".format(*sock.getsockname()[:2])
            file = sock.makefile("rb")
            flow["way"] = self.way(mine, file.readline())
            flow["ready"] = time.time()
            left = {"new": 2, "long": 200, "forever": 1 << 60}[kind]
            while left and not (self.stop and kind != "new"):
                sock.sendall(BLOCK)
                if file.read(len(BLOCK)) != BLOCK:
                    raise OSError("closed")
                left -= 1
                if kind != "new":
                    time.sleep(0.005)

    def datagram(self, _kind, host, flow):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(LOST)
            sock.connect((host, self.port))
            sock.send(BLOCK)
            flow["way"] = self.way("{} {}".format(*sock.getsockname()[:2]), sock.recv(2000))
            flow["ready"] = time.time()

    @staticmethod
    def way(mine, seen):
        if not seen:
            raise OSError("closed before the greeting")
        return "direct" if seen.decode().strip() == mine else "relayed"

    def run(self, kind, host):
        act = self.datagram if kind == "udp" else self.stream
        while not self.stop:
            start, error = time.time(), ""
            flow = {"way": "unknown", "ready": start}
            try:
                act(kind, host, flow)
            except OSError as problem:
                error = str(problem) or type(problem).__name__
            end = time.time()
            self.tell((start, flow["ready"] if flow["way"] != "unknown" else end, end), kind, host,
                      flow["way"], error)
            time.sleep(0.005)


def cmd_load(report, progress, port, *rest):
    kinds, hosts = rest[:rest.index("--")], rest[rest.index("--") + 1:]
    load = Load(report, progress, port)
    signal.signal(signal.SIGTERM, lambda *_: setattr(load, "stop", True))
    threads = [threading.Thread(target=load.run, args=(kind, host))
               for kind in kinds for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- judgement ---

def read_states(path):
    """[(state, from, to)…]"""
    with open(path, encoding="ascii") as lines:
        marks = [(state, float(at)) for state, at in map(str.split, lines)]
    ends = [at for _, at in marks[1:]] + [float("inf")]
    return [(state, at, end) for (state, at), end in zip(marks, ends)]


def inside(states, want, first, last):
    return any(state == want and first >= begin and last <= end for state, begin, end in states)


def touches(states, want, first, last):
    return any(state == want and first < end and last > begin for state, begin, end in states)


def during(states, at):
    """The state at that time, and how long it had lasted."""
    return "".join(f"{state}+{at - begin:.3f}" for state, begin, end in states if begin <= at < end)


def complaint(states, flow):
    """What is wrong with this flow, or None. One that a proxy carries ends with a detach."""
    start, ready, end, _kind, _host, way, error = flow
    if error and way != "direct" and touches(states, "detaching", start, end):
        return None
    # Adding a clsact qdisc drops what the device is about to send (qdisc_graft deactivates it): a
    # SYN-ACK of the server's, which both the client and the server then try to make good.
    if error and way == "unknown" and touches(states, "qdisc", start, start):
        return None
    if error:
        return error
    if inside(states, "attached", start, ready) and way != "relayed":
        return "went past the proxy"
    if inside(states, "detached", start, ready) and way != "direct":
        return "was relayed, though detached"
    return None


def cmd_judge(report, states):
    states = read_states(states)
    tally, bad = {}, 0
    with open(report, encoding="ascii") as lines:
        for line in lines:
            *times, kind, host, way, error = line.rstrip("\n").split(" ", 6)
            flow = (*map(float, times), kind, host, way, error)
            tally[way] = tally.get(way, 0) + 1
            if error:
                tally["failed"] = tally.get("failed", 0) + 1
            why = complaint(states, flow)
            if why:
                bad += 1
                print(f"{line.strip()}: {why}, {during(states, flow[0])} to "
                      f"{during(states, flow[2])}")
    print("# flows:", ", ".join(f"{count} {name}" for name, count in sorted(tally.items())))
    sys.exit(bad > 0)


def main():
    command = globals().get("cmd_" + sys.argv[1]) if len(sys.argv) > 1 else None
    if not command:
        sys.exit(__doc__)
    command(*sys.argv[2:])


if __name__ == "__main__":
    main()
