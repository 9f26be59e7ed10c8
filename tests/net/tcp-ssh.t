#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# An ssh session with a key, to a real sshd, goes through the relay.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx sshd
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 22,80 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset

check() { # CLIENT ADDRESS ROUTER-ADDRESS
	# shellcheck disable=SC2016 # the far end expands it
	is "sshd at $2 sees the relay" "$(ssh_to "$2" 'echo $SSH_CONNECTION' | cut -d' ' -f1,3,4)" "$3 $2 22"
	is "5 MB through the session are whole" \
		"$(ssh_to "$2" 'head -c 5000000 /dev/zero' | sha256sum)" \
		"$(head -c 5000000 /dev/zero | sha256sum)"
	is "the exit code of the command comes back" "$(ssh_to "$2" 'exit 42'; echo $?)" 42
	ok "the record names client and server" relay_says "$(record tcp "$1" "$2" 22)"
}

check $CLIENT4 $SERVER4 $ROUTER4
check $CLIENT6 $SERVER6 $ROUTER6
bypass_none "no packet went past the relay"
finish
