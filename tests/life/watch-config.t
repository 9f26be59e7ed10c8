#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# watch --config is all that a service needs: it attaches, applies, follows interfaces, and reads
# the file again on SIGHUP. A file with errors changes nothing.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
conf=$WORK/tproxy.conf
cat >"$conf" <<-'CONF'
	[loader]
	interfaces = r0 late*
	divert = r1
	[rule web]
	ports = 80
CONF
says() { wait_for 20 grep -Eq -- "$1" "$WORK/log/watch"; }

printf '[rule web]\nports = x\n' >"$WORK/bad.conf"
refuses "a file with errors ends it at the start" 1 'bad.conf:2: x: ' loader watch --config "$WORK/bad.conf"
ok "the relay starts" relay_start
nsenter --net="/run/netns/$ROUTER" -- "$LOADER" --pin-dir "$PINS" watch --config "$conf" \
	>"$WORK/log/watch" 2>&1 &
watch=$!
disown $watch
ok "it watches" says '^tproxy-loader: watching'
ok "flows go through the relay" steering $SERVER4 $SERVER6
like "the upstream side diverts" "$(loader -j status | json_value \
	"{i['name']: i['roles'] for i in o['interfaces']}")" "'r1': \['divert'\]"

ip -n "$ROUTER" link add late0 type veth peer name other0
ip -n "$ROUTER" link set late0 up
attached() { [[ $(loader -j status | json_value "[i['name'] for i in o['interfaces']]") == *late0* ]]; }
ok "an interface that matches is attached when it comes" wait_for 20 attached

printf '[loader]\ninterfaces = r0 late*\ndivert = r1\n[rule web]\nports = 80\naction = pass\n' >"$conf"
kill -HUP $watch
ok "SIGHUP: the file is read again" wait_for 20 direct $SERVER4
do_ok "and is the policy" loader diff "$conf"
cp "$WORK/bad.conf" "$conf"
kill -HUP $watch
ok "a file with errors is reported" says 'tproxy.conf:2: x: '
is "and changes nothing" "$(seen $SERVER4)" direct
printf '[loader]\ninterfaces = r0 late*\n[rule web]\nports = 80\n' >"$conf"
kill -HUP $watch
ok "the next file is applied" wait_for 20 via_relay $SERVER4

printf '[rule web]\nports = 80\naction = pass\n' >"$WORK/probe.conf"
do_ok "a policy that waits for confirm, beside it" loader apply "$WORK/probe.conf" --confirm-within 60s
kill -HUP $watch
do_ok "confirmed" loader confirm
ok "then the service's own file is applied" wait_for 20 via_relay $SERVER4

stop $watch
is "it ends and leaves everything attached" "$(seen $SERVER4)" relay
do_ok "detach" loader detach --all
finish
