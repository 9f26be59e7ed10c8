#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# --dry-run prints what attach would do and changes nothing.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
ok "the relay starts" relay_start
snapshot >"$WORK/before"
do_ok "dry run with nothing attached" loader attach r0 --ports 80 --to 10.77.2.0/24 --dry-run
like "shows the rule it would add" "$OUT$ERR" 'ip (-4 )?rule add'
unchanged "nothing is changed" "$WORK/before"
LEARN=yes do_ok "one for UDP" loader attach r0 --ports udp/53 --dry-run
like "shows that it would learn" "$ERR" 'learn UDP flows on r0 for 2 s'
unchanged "nothing is changed" "$WORK/before"
ok "flows go straight" direct $SERVER4

do_ok "attach" loader attach r0 --ports 80 --to 10.77.2.0/24
ok "flows go through the relay" steering $SERVER4
snapshot >"$WORK/attached"
loader rule list --json >"$WORK/rules"
do_ok "dry run of another interface and port" loader attach r1 --ports 8080 --dry-run
unchanged "nothing is changed" "$WORK/attached"
LEARN=yes do_ok "dry run of a UDP port" loader attach r0 --ports udp/53 --dry-run
like "shows that it would learn" "$ERR" 'learn UDP flows on r0 for 2 s'
is "neither are the rules" "$(loader rule list --json | json_value "[(r['name'], r.get('ports')) for r in o['rules']]")" \
	"$(json_value "[(r['name'], r.get('ports')) for r in o['rules']]" <"$WORK/rules")"
like "port 8080 is direct" "$(whoami_at $SERVER4 8080)" "^$CLIENT4 "

refuses "a dry run of an attach that cannot work fails" 1 nosuch0 loader attach nosuch0 --ports 80 --dry-run
finish
