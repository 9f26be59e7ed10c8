# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Datagrams whose IP headers are set and read at both ends, see dgram.py. To be sourced after test.sh.

serve_dgram() { # PORT
	serve_run "dgram-$1" "$SERVER" python3 "$LIB/dgram.py" serve "$1"
	wait_for 10 listening "$SERVER" udp "$1" || fatal "the server on port $1 starts"
}

ask() { c python3 "$LIB/dgram.py" ask "$@"; } # ADDR PORT [KEY=N]…

# tell_too_big SERVER CLIENT PORT MTU — the client says that answers from SERVER PORT do not get through
tell_too_big() { c python3 "$LIB/dgram.py" too-big "$@"; }

# ask_promoted ADDR PORT [KEY=N]… — so many that the flow gets a socket of its own
ask_promoted() { ask "$@" count=200; }
