#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Options and arguments that make no sense are refused with one sentence and the right exit
# status, and nothing changes.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
snapshot >"$WORK/before"

# --- standard output that is closed: nothing else gets its number ---

closed() { "$LOADER" -n "$ROUTER" monitor --duration 1 >&- 2>"$WORK/err"; }
nok "without standard output" closed
like "it is an error of that" "$(<"$WORK/err")" 'standard output: Bad file descriptor'

# --- options and arguments ---

refuses "an unknown command" 2 frobnicate loader frobnicate
refuses "an unknown option" 2 'frob.*tproxy-loader attach --help' loader attach r0 --frob
refuses "an unknown option before the command" 2 'frob.*tproxy-loader --help' loader --frob status
refuses "an option without its argument" 2 port loader attach r0 --port
refuses "attach without an interface" 2 interface loader attach --ports 80
refuses "port 0" 2 '0' loader attach r0 --ports 0
refuses "port 70000" 2 70000 loader attach r0 --ports 70000
refuses "UDP port 70000" 2 70000 loader attach r0 --ports udp/70000
refuses "a negative port" 2 '-1' loader attach r0 --ports=-1
refuses "a port with a tail" 2 80x loader attach r0 --ports 80x
refuses "an empty port list entry" 2 . loader attach r0 --ports 80,,81
refuses "a range upside down" 2 90-80 loader attach r0 --ports 90-80
refuses "a prefix with host bits" 2 10.77.2.1/24 loader attach r0 --to 10.77.2.1/24
refuses "an IPv6 prefix with host bits" 2 fd77:2::1/64 loader attach r0 --to fd77:2::1/64
refuses "a prefix too long" 2 10.0.0.0/33 loader attach r0 --to 10.0.0.0/33
refuses "an IPv6 prefix too long" 2 fd00::/129 loader attach r0 --to fd00::/129
refuses "an invalid address" 2 10.77.2 loader attach r0 --to 10.77.2/24
refuses "a name instead of an address" 2 localhost loader attach r0 --to localhost
refuses "source host bits" 2 10.77.1.2/24 loader attach r0 --from 10.77.1.2/24
refuses "a proxy without a port" 2 . loader attach r0 --ports 80 --proxy 127.0.0.1
refuses "a proxy port 0" 2 . loader attach r0 --ports 80 --proxy 0
refuses "an unknown --on-proxy-down" 2 explode loader attach r0 --on-proxy-down explode
refuses "an unknown --hook" 2 xdp loader attach r0 --hook xdp
refuses "detach without an interface" 2 . loader detach
refuses "an abbreviation" 2 att loader att r0
refuses "an unknown interface" 1 nosuch0 loader attach nosuch0 --ports 80
refuses "an unknown interface and a known one" 1 nosuch0 loader attach r0 nosuch0 --ports 80
refuses "an interface name too long" 1 . loader attach abcdefghijklmnopq --ports 80
refuses "an unknown namespace" 1 no-such-ns "$LOADER" -n no-such-ns attach r0 --ports 80
refuses "status with nothing attached" 3 attached loader status
do_ok "detach of an interface that is not attached succeeds" loader detach r0
do_ok "detach --all likewise" loader detach --all
refuses "cidr add with nothing attached" 3 attached loader cidr add 10.0.0.0/8
refuses "rule list with nothing attached" 3 attached loader rule list
unchanged "nothing is changed" "$WORK/before"

do_ok "help" loader --help
like "names the commands" "$OUT" attach.*detach.*status
do_ok "version" loader version
do_ok "-V" loader -V
unchanged "still nothing is changed" "$WORK/before"

do_ok "attach" loader attach r0 --ports 80
snapshot >"$WORK/attached"
refuses "a prefix with host bits, live" 2 10.77.3.2/24 loader cidr add 10.77.3.2/24
refuses "one bad prefix among good ones" 2 10.77.3.2/24 loader cidr add 10.77.5.0/24 10.77.3.2/24
refuses "a port without a protocol" 2 . loader port add 80
refuses "port tcp/0" 2 . loader port add tcp/0
refuses "an unknown protocol" 2 sctp loader port add sctp/80
refuses "an unknown interface and the attached one" 1 nosuch0 loader attach nosuch0 --ports 81
unchanged "nothing is changed by these" "$WORK/attached"
is "no prefix came in" "$(bpftool -j map dump pinned "$PINS/dst4" | grep -c 10,77,5)" 0
finish
