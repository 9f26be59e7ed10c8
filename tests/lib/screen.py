#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a program on a terminal of its own, which is emulated, and looks at its screen.

    screen.py COLUMNSxROWS STEP… -- CMD…

Steps, in this order of time; each waits at most 20 seconds:
    see=ERE        the screen matches (lines joined by newlines)
    gone=ERE       it no longer does
    key=TEXT       types it; \\n, \\x1b and the like are Python's escapes
    size=CxR       gives the terminal another size
    signal=NAME    sends a signal to the program
    hangup         closes the terminal
    end=CODE       the program ends with this status; the terminal has its modes back, and the
                   screen from before
    raw=ERE        what the program wrote so far matches
    print          prints the screen
Exits with 1 after the first step that fails, and shows the screen.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

import pyte

PATIENCE = 20


class Terminal:
    def __init__(self, columns, rows, command):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.status = None
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.pid = os.fork()
        if not self.pid:
            os.close(self.master)
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for fd in 0, 1, 2:
                os.dup2(slave, fd)
            os.execvp(command[0], command)
        self.slave = slave

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def read(self, seconds):
        if self.master < 0 or not select.select([self.master], [], [], seconds)[0]:
            return
        data = os.read(self.master, 65536)
        self.raw += data
        self.stream.feed(data)

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait(self, condition):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if condition():
                return True
            self.read(0.05)
        return False

    def ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    # ---- steps ----

    def see(self, ere):
        return self.wait(lambda: re.search(ere, self.text(), re.M))

    def gone(self, ere):
        return self.wait(lambda: not re.search(ere, self.text(), re.M))

    def key(self, text):
        os.write(self.master, text.encode().decode("unicode_escape").encode("latin-1"))
        return True

    def size(self, text):
        self.resize(*map(int, text.split("x")))
        return True

    def signal(self, name):
        os.kill(self.pid, getattr(signal, "SIG" + name))
        return True

    def hangup(self, _):
        os.close(self.slave)
        os.close(self.master)
        self.master = -1
        return self.wait(self.ended)

    def end(self, code):
        if not self.wait(self.ended):
            return False
        self.read(0.2)
        restored = self.master < 0 or termios.tcgetattr(self.slave) == self.before
        left = b"\x1b[?1049h" not in self.raw or \
            self.raw.rfind(b"\x1b[?1049l") > self.raw.rfind(b"\x1b[?1049h")
        if self.status != int(code) or not restored or not left:
            print(f"status {self.status}, modes restored: {restored}, screen left: {left}")
            return False
        return True

    def raw_has(self, ere):
        return self.wait(lambda: re.search(ere.encode(), self.raw))

    def print(self, _):
        print(self.text())
        return True


def main():
    size, rest = sys.argv[1], sys.argv[2:]
    at = rest.index("--")
    terminal = Terminal(*map(int, size.split("x")), rest[at + 1:])
    for step in rest[:at]:
        name, _, value = step.partition("=")
        if not getattr(terminal, "raw_has" if name == "raw" else name)(value):
            print(f"failed: {step}\nscreen:\n{terminal.text()}")
            if terminal.status is None:
                os.kill(terminal.pid, signal.SIGKILL)
            sys.exit(1)


main()
