# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Datagrams with IP headers that both ends set and read, see dgram.py. Needs test.sh.

serve_dgram() { # PORT
	serve_run "dgram-$1" "$SERVER" python3 "$LIB/dgram.py" serve "$1"
	wait_for 10 listening "$SERVER" udp "$1" || fatal "the server on port $1 starts"
}

ask() { c python3 "$LIB/dgram.py" ask "$@"; } # ADDR PORT [KEY=N]…

# tell_too_big SERVER CLIENT PORT MTU — the client reports answers from SERVER PORT as too big
tell_too_big() { c python3 "$LIB/dgram.py" too-big "$@"; }

# ask_promoted ADDR PORT [KEY=N]… — enough datagrams for a socket of its own
ask_promoted() { ask "$@" count=200; }
