#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reports N events to monitors, as fast as it can: burst.py PIN N. Prints how many were accepted.

PIN is the program tproxy_report. The events are repairs, "burst", of no interface.
"""
import ctypes
import struct
import sys

BPF_OBJ_GET, BPF_PROG_TEST_RUN, SYS_BPF = 7, 10, 321
REPAIRED, NO_RULE = 4, 0xffffffff
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    buf = ctypes.create_string_buffer(attr, 128)
    return libc.syscall(SYS_BPF, command, buf, len(attr))


def main(path, count):
    name = ctypes.create_string_buffer(path.encode())
    prog = bpf(BPF_OBJ_GET, struct.pack("=QII", ctypes.addressof(name), 0, 0))
    assert prog >= 0, ctypes.get_errno()
    event = struct.pack("=QIIII40x32x32s", 0, REPAIRED, 0, NO_RULE, 0, b"burst")
    context = ctypes.create_string_buffer(event, len(event))
    # prog_fd, retval, data sizes and data, repeat, duration, ctx_size_in, ctx_size_out, ctx_in, ctx_out
    attr = struct.pack("=IIIIQQIIIIQQ16x", prog, 0, 0, 0, 0, 0, 0, 0, len(event), 0,
                       ctypes.addressof(context), 0)
    print(sum(bpf(BPF_PROG_TEST_RUN, attr) == 0 for _ in range(int(count))))


main(*sys.argv[1:])
