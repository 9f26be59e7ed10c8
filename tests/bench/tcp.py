#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the load of tests/bench/tcp.sh: one setup after the other, round after round, so that
what disturbs the machine disturbs all alike. Reported are medians and quartiles of the ratios
within a round.

    tcp.py LOAD OUT ROUNDS SECONDS "TEST…" NAME,HOST,PORT[,PID…]…
"""
import contextlib
import glob
import json
import os
import statistics
import subprocess
import sys
import time

TESTS = {
    "bulk1": ("bulk", "1", []),
    "bulk4": ("bulk", "4", []),
    "crr": ("crr", "64", []),
    "rr": ("rr", "64", ["512"]),
}
CROWD = 4000


class Setup:
    def __init__(self, text):
        self.name, self.host, self.port, *self.pids = text.split(",")

    def cpu(self):
        """Seconds on a CPU so far, of all threads; the kernel's work for them included."""
        total = 0
        for pid in self.pids:
            for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
                with open(path, encoding="ascii") as stat:
                    total += int(stat.read().split()[0])
        return total / 1e9

    def memory(self):
        total = 0
        for pid in self.pids:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as smaps:
                total += sum(int(line.split()[1]) for line in smaps if line.startswith("Rss:"))
        return total * 1024

    def descriptors(self):
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids)


@contextlib.contextmanager
def surroundings(setup):
    """What the router has to have for this setup, and for no other."""
    hooks = [f"{os.environ['HOOKS']}/{setup.name}.{when}" for when in ("on", "off")]
    router = ["nsenter", f"--net=/run/netns/{os.environ['ROUTER']}", "sh", "-e"]
    if os.path.exists(hooks[0]):
        subprocess.run([*router, hooks[0]], check=True)
    try:
        yield
    finally:
        if os.path.exists(hooks[1]):
            subprocess.run([*router, hooks[1]], check=True)


def measure(load, setup, test, seconds):
    mode, streams, more = TESTS[test]
    before = setup.cpu()
    out = subprocess.run([load, mode, setup.host, setup.port, seconds, streams, *more],
                         check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    units, took, failed = int(out[0]), float(out[1]), int(out[2])
    # the load's warming up of 0.3 s costs CPU time and is not counted in units
    share = took / (took + 0.3)
    cpu = (setup.cpu() - before) * share / max(units, 1)
    return {"rate": units / took, "cpu": cpu, "failed": failed}


def crowd(load, setup):
    time.sleep(1) # what ran before has ended
    memory, descriptors = setup.memory(), setup.descriptors()
    with subprocess.Popen([load, "crowd", setup.host, setup.port, "0.1", str(CROWD), "1"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        if child.stdout.readline() != "up\n":
            return None
        result = {"memory": (setup.memory() - memory) / CROWD,
                  "descriptors": (setup.descriptors() - descriptors) / CROWD}
    return result


def quartiles(values):
    if len(values) < 2:
        return values * 3
    return statistics.quantiles(values, n=4)


def ratios(mine, other):
    pairs = [a / b for a, b in zip(mine, other) if b]
    return quartiles(pairs) if pairs else None


def show(test, runs, names):
    unit = {"bulk1": ("Gbit/s", 8e-9, "s/GB", 1e9), "bulk4": ("Gbit/s", 8e-9, "s/GB", 1e9),
            "crr": ("conn/s", 1, "µs/conn", 1e6), "rr": ("exch/s", 1, "µs/exch", 1e6)}[test]
    print(f"\n{test:15} {unit[0]:>10} {'quartiles':>17} {unit[2]:>9}   {names[0]}'s rate / its   {names[0]}'s CPU / its")
    report = {}
    for name in names:
        rate = [r["rate"] for r in runs[name]]
        cpu = [r["cpu"] for r in runs[name]]
        low, median, high = (q * unit[1] for q in quartiles(rate))
        report[name] = {"rate": quartiles(rate), "cpu": statistics.median(cpu),
                        "failed": sum(r["failed"] for r in runs[name])}
        text = f"{name:15} {median:10.2f} {low:8.2f}-{high:8.2f} {statistics.median(cpu) * unit[3]:9.3f}"
        for key in ("rate", "cpu"):
            ratio = ratios([r[key] for r in runs[names[0]]], [r[key] for r in runs[name]])
            report[name][f"{names[0]}_{key}_ratio"] = ratio
            text += f"   {ratio[1]:5.2f} ({ratio[0]:.2f}-{ratio[2]:.2f})" if ratio else "       -"
        if report[name]["failed"]:
            text += f"   FAILED: {report[name]['failed']}"
        print(text, flush=True)
    return report


def main():
    load, out, rounds, seconds, tests, *texts = sys.argv[1:]
    setups = [Setup(text) for text in texts]
    names = [setup.name for setup in setups]
    report = {"schema": 1, "kernel": os.uname().release, "rounds": int(rounds),
              "loadavg": os.getloadavg(), "tests": {}}
    print(f"{rounds} rounds of {seconds} s each, load average {os.getloadavg()[0]:.2f}")
    for test in tests.split():
        if test == "idle":
            report["tests"][test] = {}
            for setup in filter(lambda s: s.pids, setups):
                with surroundings(setup):
                    report["tests"][test][setup.name] = crowd(load, setup)
            for name, result in report["tests"][test].items():
                print(f"{name:15} {result['memory']:8.0f} bytes and {result['descriptors']:.2f} "
                      "descriptors for each idle connection" if result else
                      f"{name:15} does not take {CROWD} connections")
            continue
        runs = {name: [] for name in names}
        for number in range(int(rounds)):
            # the first of a round finds other caches
            for setup in setups[number % len(setups):] + setups[:number % len(setups)]:
                with surroundings(setup):
                    runs[setup.name].append(measure(load, setup, test, seconds))
        report["tests"][test] = show(test, runs, names)
    with open(out, "w", encoding="ascii") as file:
        json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
