# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Relays that are bound to a device.

# relay_fails DESCRIPTION ERE ARGS… — the relay exits with 1 and one line that matches
relay_fails() {
	local what=$1 pattern=$2
	shift 2

	try timeout 10 "$RELAY" -n "$ROUTER" "$@"
	[[ $RC -eq 1 && $ERR != *$'\n'* && $ERR =~ $pattern ]]
	tap_result $? "$what" && return
	printf 'exit %s (wanted 1) from: %s\nwanted one line matching: %s\ngot: %s\n%s\n' "$RC" "$*" \
		"$pattern" "$ERR" "$OUT" | tap_comment
	return 1
}

# relayed NAME CLIENT ADDRESS SEEN — the relay carries flows to nginx, DNS and the echo server,
# which see SEEN, and records them
relayed() {
	is "$1: nginx at $3 sees $4" "$(whoami_at "$3" | cut -d' ' -f1)" "$4"
	ok "$1: the relay has carried it" relay_says "$(record tcp "$2" "$3" 80)"
	like "$1: the UDP echo server at $3 sees $4" "$(cpy udp-who "$3" 7007)" "^$4 "
	is "$1: a name is answered" "$(dig_at "$3" test.tproxy A)" 10.77.2.200
	ok "$1: the relay has carried it too" relay_says "$(record udp "$2" "$3" 53)"
	is "$1: a busy flow with a socket of its own loses nothing" "$(cpy udp "$3" 7007 100 300)" 300
	is "$1: $3 reports a closed port" "$(cpy udp-error "$3" 9)" "ECONNREFUSED $3"
}
