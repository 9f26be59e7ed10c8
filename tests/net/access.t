#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Lists of the relay: refused flows are reset, counted, and logged with the name of the list.
# SIGHUP reads the lists again, and an error changes nothing.
. "$(dirname "$0")/../lib/test.sh"

CONF=$WORK/relay.conf
conf() { # LINE… — the whole file
	printf '[relay]\n' >"$CONF"
	printf '%s\n' "$@" >>"$CONF"
}

refused() { # DESCRIPTION ADDRESS PORT LIST
	like "$1" "$(cpy probe "$2" "$3" 3)" '^(reset|connected reset|refused)'
	ok "$1: the log names the list" relay_says "$(record tcp $from "$2" "$3" ".*end=refused reason=$4\$")"
}

prepare nginx echo
from=$CLIENT4
printf '%s\n' '# one prefix a line' "$EXTRA4" "$EXTRA6 # both" >"$WORK/list"
conf "deny = $SERVER4:8080 [$SERVER6]:8080" "  @$WORK/list" "deny-from = 192.0.2.0/24"
ok "the relay starts" relay_start -c "$CONF"
do_ok "attach" loader attach r0 --ports 80,8080,7007,udp/7007 --to 10.77.2.0/23,fd77:2::/31
ok "addresses in no list are relayed" steering $SERVER4 $SERVER6
bypass_reset
refused "a denied destination with its port" $SERVER4 8080 deny
from=$CLIENT6
refused "a denied destination over IPv6" $SERVER6 8080 deny
refused "a destination in the file" $EXTRA6 80 deny
from=$CLIENT4
refused "a destination in the file, IPv4" $EXTRA4 80 deny
is "a denied datagram is not answered" "$(cpy udp $EXTRA4 7007 10)" 0
ok "and logged" relay_says "$(record udp $CLIENT4 $EXTRA4 7007 '.*end=refused reason=deny$')"
is "another one is" "$(cpy udp $SERVER4 7007 10)" 1
bypass_none "what is refused does not go past the relay"

conf "deny-from = $CLIENT4"
ok "SIGHUP" relay_reload
refused "a denied client" $SERVER4 80 deny-from
ok "the other list is gone: IPv6 is relayed" via_relay $EXTRA6 80

conf "allow = $SERVER4:80 $SERVER6" "allow-from = all"
ok "SIGHUP" relay_reload
ok "an allowed destination" via_relay $SERVER4 80
refused "another port of it" $SERVER4 8080 allow
refused "another destination" $EXTRA4 80 allow

# a flow that is there stays, whatever the lists say now
cpy hold $SERVER6 7007 "$WORK/go" >"$WORK/held" 2>&1 &
held=$!
ok "a connection is up" wait_for 5 grep -q up "$WORK/held"
conf "allow-from = 192.0.2.1"
ok "SIGHUP" relay_reload
refused "a client that is not allowed" $SERVER4 80 allow-from
touch "$WORK/go"
wait $held
like "the connection that began before continues" "$(<"$WORK/held")" "done"

broken() { # DESCRIPTION ERE LINE…
	local what=$1 pattern=$2
	shift 2

	conf "$@"
	ok "$what: SIGHUP" relay_reload
	ok "$what: one line names the place" relay_says "error $pattern\$"
	ok "$what: the old settings stay" relay_says 'warn SIGHUP: the old lists and limits stay'
	refused "$what: the old list holds" $SERVER4 80 allow-from
}

broken "host bits set" "$CONF:3: 10.0.0.1/8: host bits are set" '; nothing' 'deny = 10.0.0.1/8'
broken "an unknown key" "$CONF:2: denied = all: unknown key" 'denied = all'
printf '10.0.0.0/8\nnonsense\n' >"$WORK/list"
broken "a broken list" "$WORK/list:2: nonsense: not an .*" "deny = @$WORK/list"
# what only the loader reads is not opened, and every error of the file is logged
broken "two errors" "$CONF:4: action = explode: unknown value .*" '[rule a]' 'to = @/nosuch/list' 'action = explode' 'ports = x'
ok "the second of them" relay_says "error $CONF:5: x: not a port number"
ok "the list of the rule is no error" relay_silent "error .*/nosuch/list"
mapfile -t many < <(seq -f 'x%g = 1' 30)
conf "${many[@]}"
ok "thirty errors: SIGHUP" relay_reload
ok "twenty of them are logged" relay_says "error $CONF:21: x20 = 1: unknown key"
ok "and the number of the others" relay_says 'error 10 more errors are not logged'
ok "not the 21st" relay_silent "error $CONF:22: "
rm "$CONF"
kill -HUP "$RELAY_PID"
ok "no file: one line reports it" relay_says "error $CONF: cannot be read: No such file"
refused "the old list holds without the file" $SERVER4 80 allow-from

conf
ok "SIGHUP with no list" relay_reload
ok "everything is relayed again" steering $SERVER4 $SERVER6 $EXTRA4 $EXTRA6
bypass_none "nothing went past the relay"
relay_stop
ok "the summary counts" relay_says 'ended: .* (1[0-9]|2[0-9]) refused'
finish
