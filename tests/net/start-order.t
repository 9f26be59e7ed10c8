#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Relay and attach may come in either order, also after detach --all and after a restart of the
# relay.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx dns

both() { # NAME
	ok "$1: TCP flows go through the relay" steering $SERVER4 $SERVER6
	is "$1: UDP is answered" "$(dig_at $SERVER4 test.tproxy A) $(dig_at $SERVER6 test.tproxy A)" \
		"10.77.2.200 10.77.2.200"
}

options=(--ports "80,udp/53")
ok "the relay starts with nothing attached" relay_start
ok "flows go straight" direct $SERVER4
do_ok "attach" loader attach r0 "${options[@]}"
both "relay first"

do_ok "detach --all" loader detach --all
ok "flows go straight again" direct $SERVER4
do_ok "attach again, same relay" loader attach r0 "${options[@]}"
both "attached again"

relay_stop
ok "the relay restarts" relay_start
both "relay restarted"

do_ok "detach --all" loader detach --all
relay_stop
do_ok "attach without a relay" loader attach r0 "${options[@]}"
ok "the relay starts afterwards" relay_start
both "attach first"
finish
