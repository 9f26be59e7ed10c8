#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Services of the router stay reachable although their ports are intercepted everywhere.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx sshd
serve_sshd "$ROUTER" || fatal "sshd starts on the router"
serve_run router-dns "$ROUTER" dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --group= \
	--pid-file= --no-resolv --no-hosts --host-record=router.tproxy,10.77.9.9
wait_for 10 listening "$ROUTER" udp 53
ok "the relay starts" relay_start
do_ok "attach to every address" loader attach r0 --ports 22,53,80,udp/53
ok "transit flows go through the relay" steering $SERVER4 $SERVER6

for own in $GATE4 $ROUTER4 $GATE6 $ROUTER6; do
	# shellcheck disable=SC2016 # the far end expands it
	is "ssh to the router's $own" "$(ssh_to "$own" 'echo $SSH_CONNECTION' | cut -d' ' -f3)" "$own"
	is "DNS over UDP at the router's $own" "$(dig_at "$own" router.tproxy A)" 10.77.9.9
	is "DNS over TCP at the router's $own" "$(dig_at "$own" +tcp router.tproxy A)" 10.77.9.9
	ok "ping of the router's $own" c ping -c 1 -W 5 "$own"
	ok "the relay was not involved" relay_silent "-> $(escaped "$(bracket "$own")"):"
done
is "transit ssh is relayed" "$(ssh_to $SERVER4 echo hello)" hello
ok "and recorded" relay_says "$(record tcp $CLIENT4 $SERVER4 22)"
finish
