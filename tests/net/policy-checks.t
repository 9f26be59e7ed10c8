#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# status finds rules that do not do what they seem to: interfaces that are not attached, rules
# that never match, and a live policy that differs from the file.
. "$(dirname "$0")/../lib/test.sh"

prepare
conf=$WORK/tproxy.conf
# "ID INTERFACE RULE" of the problems that this test is about, one a line
problems() {
	loader -j status | json_value "'\n'.join(sorted(' '.join((p['id'], p.get('interface') or '-',
		p.get('rule') or '-')) for p in o['problems']
		if p['id'] in ('not-covered', 'never-matches', 'drift')))"
}

do_ok "attach" loader attach r0 --ports 80
is "nothing is wrong" "$(problems)" ""
cat >"$conf" <<-'CONF'
	[loader]
	interfaces = r0
	[rule web]
	interface = r0 wg*
	ports = 80
	[rule late]
	interface = r0
	ports = 80
	action = drop
	[rule typo]
	interface = or0
	ports = 22
CONF
do_ok "a file with mistakes" loader apply "$conf"
is "they are found" "$(problems)" $'never-matches - late\nnot-covered or0 typo'
like "in words" "$(loader status)" 'late: it can never match: earlier rules take all that it matches: web'
ip -n "$ROUTER" link add wg0 type veth peer name wg1
is "a device that a glob means, and that is not attached" "$(problems | grep wg)" \
	$'not-covered wg0 web\nnot-covered wg1 web'
do_ok "attach it" loader attach wg0 wg1
is "is the cure" "$(problems)" $'never-matches - late\nnot-covered or0 typo'
do_ok "an edit" loader port add --rule typo tcp/23
is "is found" "$(problems | grep drift)" "drift - -"
do_ok "the file again" loader apply "$conf"
is "is the cure" "$(problems | grep drift)" ""
do_ok "destinations of the rule go" loader cidr del --rule typo all
is "it never matches then" "$(problems | grep typo)" $'never-matches - typo\nnot-covered or0 typo'
do_ok "detach" loader detach --all
finish
