#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""split.py DIR FILE… — makes a directory below DIR of each case in FILE….

A case is

    === NAME
    LINE…               case.conf
    +++ list.txt
    LINE…               another file, if it is needed
    --- good            or bad
    ERROR…              every error: LINE: TEXT, for another file FILE:LINE: TEXT

In the files \\r \\n \\0 \\f \\v \\xHH are bytes, \\c at the end of a line leaves the newline out, and
{TEXT*N} is TEXT N times, with # as the number of each, from 1. The directory has the files, a
directory `dir`, a FIFO `fifo`, and what the test compares: name, verdict, errors.
"""

import os
import re
import sys

ESCAPES = {"r": b"\r", "n": b"\n", "0": b"\0", "f": b"\f", "v": b"\v"}


def repeated(match):
    return "".join(match[1].replace("#", str(i + 1)) for i in range(int(match[2])))


def as_bytes(lines):
    text = "".join(line[:-2] if line.endswith("\\c") else line + "\n" for line in lines)
    text = re.sub(r"\{([^{}]*)\*(\d+)\}", repeated, text)
    out = b""
    for part in re.split(r"(\\x[0-9a-f]{2}|\\[rn0fv])", text):
        if part.startswith("\\x"):
            out += bytes([int(part[2:], 16)])
        elif part.startswith("\\"):
            out += ESCAPES[part[1]]
        else:
            out += part.encode()
    return out


def cases(path):
    """Yields (name, {file: lines}, verdict, errors)."""
    name, files, verdict, errors = None, {}, None, []
    lines = None
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        if line.startswith("=== "):
            if name:
                yield name, files, verdict, errors
            name, files, verdict, errors = line[4:], {}, None, []
            lines = files["case.conf"] = []
        elif line.startswith("+++ "):
            lines = files[line[4:]] = []
        elif line.startswith("--- "):
            verdict, lines = line[4:], errors
        else:
            lines.append(line)
    yield name, files, verdict, errors


def write(directory, name, data):
    with open(os.path.join(directory, name), "wb") as file:
        file.write(data)


def main():
    number = 0
    for path in sys.argv[2:]:
        group = os.path.basename(path).removesuffix(".cases")
        for name, files, verdict, errors in cases(path):
            number += 1
            directory = os.path.join(sys.argv[1], f"{number:03}")
            os.makedirs(os.path.join(directory, "dir"))
            os.mkfifo(os.path.join(directory, "fifo"))
            for file, lines in files.items():
                write(directory, file, as_bytes(lines))
            write(directory, "name", f"{group}: {name}".encode())
            write(directory, "verdict", ((verdict or "none") + "\n").encode())
            write(directory, "errors", "".join(e + "\n" for e in errors).encode())


if __name__ == "__main__":
    main()
