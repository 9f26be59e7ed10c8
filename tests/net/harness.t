#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Before attach everything goes straight, and the tools of the other tests work.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx sshd dns echo

for to in $SERVER4 $SERVER6; do
	ok "curl goes straight to $to" direct "$to"
	is "ssh goes straight to $to" "$(ssh_to "$to" echo hello)" hello
	is "dig over UDP goes straight to $to" "$(dig_at "$to" test.tproxy A)" 10.77.2.200
	is "dig over TCP goes straight to $to" "$(dig_at "$to" +tcp test.tproxy AAAA)" fd77:2::200
	is "a 9000-byte datagram goes straight to $to" "$(cpy udp "$to" 7007 9000)" 1
done
is "the extra network is reached" "$(whoami_at $EXTRA4 | cut -d' ' -f1)" $CLIENT4
is "the extra network is reached over IPv6" "$(whoami_at $EXTRA6 | cut -d' ' -f1)" $CLIENT6
is "a closed port refuses" "$(cpy probe $SERVER4 81)" refused

unlike "the bypass counter counts TCP" "$(bypassed tcp)" '^0?$'
unlike "the bypass counter counts UDP" "$(bypassed udp)" '^0?$'
bypass_reset
bypass_none "the bypass counter can be set back"

snapshot >"$WORK/before"
direct $SERVER4
unchanged "traffic does not alter a snapshot" "$WORK/before"
r ip rule add pref 150 fwmark 1 lookup 99
snapshot >"$WORK/after"
nok "a rule alters a snapshot" cmp "$WORK/before" "$WORK/after"
finish
