#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Destinations that Linux never forwards are allowed in a rule, with a warning.
. "$(dirname "$0")/../lib/test.sh"

prepare
cat >"$WORK/some.conf" <<'CONF'
[rule some]
to = 10.0.0.0/8 127.0.0.0/8
     @list
[rule none]
action = drop
to = fe80::/10 ::1
[rule fine]
to = 169.254.169.254 240.0.0.0/4
CONF
printf '# a list\n224.0.0.0/8\n' >"$WORK/list"
try loader check "$WORK/some.conf"
is "check: exit 4 with warnings only" $RC 4
like "a prefix, with its line" "$ERR" "some.conf:2: 127.0.0.0/8: never matches: Linux does not forward loopback"
like "one in a list, with the list's line" "$ERR" "list:2: 224.0.0.0/8: never matches: .*multicast"
like "a rule without any other" "$ERR" "some.conf:4: \[rule none\]: can never match"
is "and no other warning" "$(grep -c 'never' <<<"$ERR")" 5
try loader -j check "$WORK/some.conf"
is "check --json" "$RC $(json_value "(o['valid'], o['errors'], len(o['warnings']), o['warnings'][0]['line'])" <<<"$OUT")" \
	"4 (True, [], 5, 2)"
printf '[rule fine]\nto = 169.254.0.0/16 240.0.0.0/4 0.0.0.0/0 0.0.0.0/8 0.1.2.3\n' >"$WORK/fine.conf"
do_ok "no warning: exit 0" loader check "$WORK/fine.conf"
printf '[rule a]\nto = 127.0.0.1\ncolour = red\n' >"$WORK/bad.conf"
try loader check "$WORK/bad.conf"
is "an error: exit 1" $RC 1

do_ok "attach" loader attach r0 --ports 80 --to 10.77.2.0/24
do_ok "apply takes it" loader apply "$WORK/some.conf"
like "and warns" "$ERR" "some.conf:2: 127.0.0.0/8: never matches"
do_ok "rule add takes it" loader rule add late --to 10.0.0.0/8,255.255.255.255
like "and warns" "$ERR" "rule late: 255.255.255.255 never matches"
do_ok "a rule with nothing else" loader rule add dead --to 0.0.0.0
like "is named" "$ERR" "rule dead: can never match"
do_ok "cidr add takes it" loader cidr add --rule late ff00::/8
like "and warns of new ones" "$ERR" "rule late: ff00::/8 never matches"
do_ok "cidr del does not" loader cidr del --rule late ff00::/8
is "warn" "$(grep -c never <<<"$ERR")" 0
do_ok "attach takes it" loader attach r0 --to 127.0.0.1
like "and warns" "$ERR" "rule default: 127.0.0.1 never matches"
finish
