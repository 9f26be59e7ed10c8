# SPDX-License-Identifier: BSD-2-Clause
"""Runs a program on a terminal of its own and answers each question there.

usage: terminal.py ANSWER PROGRAM ARG...

A question ends in "[y/N] ". Prints what the program wrote; exits as it did.
"""

import os
import pty
import sys


def main():
    answer = sys.argv[1].encode() + b"\n"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    said = b""
    answered = 0
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the program has ended
            break
        if not part:
            break
        said += part
        while said.count(b"[y/N] ") > answered:
            os.write(terminal, answer)
            answered += 1
    sys.stdout.write(said.decode(errors="replace"))
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


main()
