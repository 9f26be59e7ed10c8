#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The rule options of an attach apply to the interfaces of that call and to no others.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
ok "the relay starts" relay_start
# "NAME INTERFACES PORTS", one rule a line
rules() {
	loader rule list -j | json_value "'\n'.join('%s %s %s' % (x['name'],
		','.join(x.get('interfaces', ['every'])), ','.join(x['services'])) for x in o['rules'])"
}
again() { # TITLE — a new start for the next case
	do_ok "$1: detach" loader detach --all
}

do_ok "one interface" loader attach r0 --ports 80
is "one rule, for every interface" "$(rules)" "default every tcp/80"
do_ok "the same options on another" loader attach r1 --ports 80
is "are the same rule" "$(rules)" "default every tcp/80"
ok "which decides" steering $SERVER4 $SERVER6
again same

do_ok "some options" loader attach r0 --ports 80 --to "10.77.2.0/24,fd77:2::/64"
do_ok "others on another interface" loader attach r1 --ports 3389 --to 10.2.0.0/16
like "say where the first rule is from now on" "$ERR" "rule default: for r0 only"
is "are a rule of their own, and the first is where it was" "$(rules)" \
	$'default r0 tcp/80\ndefault-r1 r1 tcp/3389'
is "each interface has its rule" "$(bpftool -j map dump pinned "$PINS/ifaces" |
	json_value "' '.join(sorted(str(e['formatted']['value']['mask']) for e in o))")" "1 2"
ok "flows from the first one are relayed" steering $SERVER4 $SERVER6
snapshot >"$WORK/once"
for words in "r0 --ports 80 --to 10.77.2.0/24,fd77:2::/64" "r1 --ports 3389 --to 10.2.0.0/16" "r1" "r0 --ports 80"; do
	# shellcheck disable=SC2086 # words
	do_ok "again: attach $words" loader attach $words
	snapshot >"$WORK/twice"
	same_text "it changes nothing" "$WORK/once" "$WORK/twice"
done
do_ok "one port more on the first" loader attach r0 --ports 8080
is "extends its rule" "$(rules)" $'default r0 tcp/80,tcp/8080\ndefault-r1 r1 tcp/3389'
is "which decides" "$(seen $SERVER4 8080) $(seen $SERVER6 8080)" "relay relay"
do_ok "the first one's options on the second, too" \
	loader attach r1 --ports 80,8080 --to "10.77.2.0/24,fd77:2::/64"
is "the rule is for both" "$(rules)" $'default r0,r1 tcp/80,tcp/8080\ndefault-r1 r1 tcp/3389'
do_ok "port add without a name" loader port add tcp/443
like "still means the rule default" "$(rules)" "default r0,r1 tcp/80,tcp/443,tcp/8080"

loader save >"$WORK/saved.conf"
do_ok "save says the same" loader diff "$WORK/saved.conf"
do_ok "a hand edit" loader port del tcp/443
do_ok "and apply brings it back" loader apply "$WORK/saved.conf"
like "with its interfaces" "$(rules)" "default r0,r1 tcp/80,tcp/443,tcp/8080"
again others

do_ok "one interface, twice" loader attach r0 --ports 22
do_ok "with other options" loader attach r0 --ports 80
is "one rule, for every interface" "$(rules)" "default every tcp/22,tcp/80"
again twice

do_ok "two at once" loader attach r0 r1 --ports 80
do_ok "other options on one of them" loader attach r1 --ports 8080
is "are for that one" "$(rules)" $'default r0,r1 tcp/80\ndefault-r1 r1 tcp/8080'
is "the other is as before" "$(seen $SERVER4) $(seen $SERVER4 8080)" "relay direct"
refuses "options that name no flows are no rule of their own" 1 'name no flows' \
	loader attach r0 --on-proxy-down pass
do_ok "but for both they are" loader attach r0 r1 --on-proxy-down pass
is "the first rule's" "$(loader rule list -j | json_value "[x['on_down'] for x in o['rules']]")" \
	"['pass', 'drop']"
do_ok "both, and one port more" loader attach r1 r0 --ports 443
is "extend the rule of both" "$(rules)" $'default r0,r1 tcp/80,tcp/443\ndefault-r1 r1 tcp/8080'
again both

do_ok "one with options" loader attach r0 --ports 80
do_ok "one without" loader attach r1
is "has the rule for every interface" "$(rules)" "default every tcp/80"
is "on both" "$(bpftool -j map dump pinned "$PINS/ifaces" |
	json_value "' '.join(sorted(str(e['formatted']['value']['mask']) for e in o))")" "1 1"
again without

do_ok "one without options" loader attach r1
do_ok "one with" loader attach r0 --ports 80
is "concerns that one only" "$(rules)" "default r0 tcp/80"
do_ok "the first one again" loader attach r1
like "gets a warning that it has no rule" "$ERR" "r1: attached, but every rule is for other interfaces"
again first

ip -n "$ROUTER" link add r1.7 type veth peer name "peer@7"
ip -n "$ROUTER" link set r1.7 up
do_ok "a glob" loader attach 'r0*' --ports 80
do_ok "names of all kinds" loader attach r1.7 --ports 8080
do_ok "and a glob of none" loader attach 'nosuch?*' --ports 22
is "make names of rules" "$(rules)" \
	$'default r0* tcp/80\ndefault-r1.7 r1.7 tcp/8080\ndefault-nosuch__ nosuch?* tcp/22'
do_ok "a dry run" loader attach --dry-run r1 --ports 8443
like "shows the rule" "$ERR" "rule default-r1 on r1: tcp/8443 to all: proxy relay"
is "and makes none" "$(rules | wc -l)" 3
again names
finish
