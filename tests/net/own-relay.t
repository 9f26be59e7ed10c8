#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Own traffic through tproxy-relay: curl and dig on the router, with the relay's own address and with
# the address of the client, which here is the same host. No flow comes back to the relay.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare nginx dns
own_cgroups
own_ways

get() { app curl -gsS -m 8 "http://$(bracket "$1")/whoami"; }
ask() { app dig +short +tries=2 +time=3 "@$1" test.tproxy "${@:2}"; }

check() { # TEXT
	local server self i answers=0

	for server in $SERVER4 $SERVER6; do
		self=$(source_for "$server")
		like "$1: curl to $server" "$(get "$server")" "^$(escaped "$self") "
		ok "$1: the relay logs it" relay_says "$(record tcp "$self" "$server" 80)"
		is "$1: dig to $server" "$(ask "$server" A)" 10.77.2.200
		is "$1: dig to $server, TCP" "$(ask "$server" A +tcp)" 10.77.2.200
		like "$1: it answers from the address that was asked" \
			"$(app dig +tries=2 +time=3 "@$server" test.tproxy A)" "SERVER: $(escaped "$server")#53"
		for ((i = 0; i < 20; i++)); do
			[[ $(ask "$server" A) == 10.77.2.200 ]] && answers=$((answers + 1))
		done
	done
	is "$1: forty more queries are answered" $answers 40
	# each flow once: a loop would be a record of the relay's own connection
	is "$1: as many flows of TCP as there were" "$(grep -c -- "-> .*:80 " "$RELAY_LOG")" 2
}

for source in own client-ip; do
	ok "$source: the relay starts" own_relay --source $source
	do_ok "$source: attach" loader attach r0 --local --cgroup "$CGROUP" --ports 53,80,udp/53 --to 10.77.2.0/24,fd77:2::/64
	do_ok "$source: attach for own traffic" own_attach
	check "$source"
	do_ok "$source: detach own traffic" own_detach
	do_ok "$source: detach" loader detach --all
	relay_stop
done
finish
