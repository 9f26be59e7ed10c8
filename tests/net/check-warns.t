#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# check refuses what the loader or the relay would refuse, and warns of what cannot work.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"

prepare
conf=$WORK/x.conf
# warns TITLE ERE… — of the file on standard input: one warning for each ERE, in this order
warns() {
	local title=$1 pattern line
	shift

	cat >"$conf"
	try loader check "$conf"
	is "$title: exit 4, $# warnings" "$RC $(grep -c 'warning: ' "$WORK/err")" "4 $#"
	while read -r line; do
		pattern=$1
		shift
		like "$title: $pattern" "$line" "warning: .*x.conf:$pattern"
	done < <(grep 'warning: ' "$WORK/err")
}
# fine TITLE — the file on standard input
fine() {
	cat >"$conf"
	do_ok "$1" loader check "$conf"
}

# --- interfaces ---
warns "an interface with a typing error" "3: \[rule x\]: eht0: not covered by interfaces in \[loader\]: the rule never matches" <<-'CONF'
	[loader]
	interfaces = eth0
	[rule x]
	interface = eht0
CONF
warns "a zone that is attached in part" "3: \[rule x\]: wg\*: not covered .*does not match there" <<-'CONF'
	[loader]
	interfaces = eth0 eth1
	[rule x]
	zone = lan
	[zone lan]
	interfaces = eth0 wg*
CONF
warns "the divert role has no rules" "4: \[rule x\]: eth1: not covered" <<-'CONF'
	[loader]
	interfaces = eth0
	divert = eth1
	[rule x]
	interface = eth1
CONF
warns "lo in a rule" "3: \[rule x\]: lo: not covered" <<-'CONF'
	[loader]
	interfaces = *
	[rule x]
	interface = lo
CONF
fine "globs that meet" <<-'CONF'
	[loader]
	interfaces = eth* wg0
	[rule x]
	interface = *1 wg*
CONF
fine "a file that names no interface" <<-'CONF'
	[rule x]
	interface = eth7
CONF
for key in interfaces divert; do
	printf '[loader]\n%s = eth0 lo\n' $key >"$conf"
	for verb in check apply; do
		refuses "$verb: $key = lo" 1 "x.conf:2: $key = lo: the host's own traffic" loader $verb "$conf"
	done
done
printf '[loader]\ninterfaces = r0 nosuch*\n[rule x]\ninterface = r1\n' >"$conf"
do_ok "apply takes such a file" loader apply "$conf"
like "and warns, too" "$ERR" "x.conf:3: \[rule x\]: r1: not covered"
do_ok "detach" loader detach --all

# --- rules that never match ---
warns "a rule after one for everything" "3: \[rule late\]: can never match: earlier rules take all that it matches: all" <<-'CONF'
	[rule all]
	action = pass
	[rule late]
	ports = 22
	[rule dns]
	ports = udp/53
CONF
warns "a rule after two that have it together" "7: \[rule c\]: .*: a and b" <<-'CONF'
	[rule a]
	to = 10.0.0.0/9
	proto = tcp+udp
	[rule b]
	to = 10.128.0.0/9
	proto = tcp+udp
	[rule c]
	to = 10.0.0.0/8
	action = drop
CONF
fine "rules on other interfaces" <<-'CONF'
	[rule a]
	interface = eth0
	[rule b]
	ports = 22
CONF
warns "a rule without destinations" "1: \[rule a\]: can never match: it has no destination" <<-'CONF'
	[rule a]
	to = none
CONF
warns "two families" "1: \[rule a\]: can never match: its sources and destinations are of different" <<-'CONF'
	[rule a]
	from = 10.0.0.0/8
	to = 2001:db8::/32
CONF
for i in $(seq 64); do
	printf '[rule r%d]\nto = 10.%d.0.0/16\nports = 1-65535\nproto = tcp+udp\n' "$i" "$i"
done >"$WORK/many"
fine "64 rules with every port each" <"$WORK/many"

# --- nothing, and addresses of this host ---
for text in '' '[loader]\ninterfaces = r0\n' '[pool p]\n'; do
	printf '%b' "$text" >"$WORK/text"
	warns "an empty policy" "1: no rule and no pool" <"$WORK/text"
done
fine "a pool is a policy" <<-'CONF'
	[pool p]
	10.77.1.129 = 10.77.2.2:22
CONF
warns "an address of this host" "1: \[rule a\]: $GATE4 never matches: it is an address of this host" \
	"1: \[rule a\]: $GATE6 never matches" <<-CONF
	[rule a]
	to = 10.77.1.0/24 $GATE4 $GATE6 $SERVER4
CONF
try loader apply "$conf"
is "it takes an attached state to apply it" "$RC" 3
do_ok "attach" loader attach r0
do_ok "apply" loader apply "$conf"
like "warns of them, too" "$ERR" "x.conf:1: \[rule a\]: $GATE4 never matches"
fine "what passes may be anything" <<-CONF
	[rule a]
	to = $GATE4
	action = pass
CONF
try loader -j check "$WORK/x.conf"
ok "check --json is as the schema says" valid_json check "$WORK/out"
is "check --json" "$(json_value "o['valid'], o['warnings'], o['errors']" <<<"$OUT")" "(True, [], [])"

# --- [relay] ---
cat >"$conf" <<-'CONF'
	[rule a]
	ports = 22
	[relay]
	listen = 15002 x
	colour = red
	deny = 10.0.0.1/8
	allow-from = @nosuch
	upstream = socks5://user:secret@1.1.1.1:99999
	workers = 1
	workers = 2
CONF
try loader check "$conf"
is "check: exit 1" $RC 1
is "each error of [relay] with its line" "$(sed "s|.*x.conf:|| ; s|$WORK|.|" "$WORK/err")" "$(cat <<-'TEXT'
	4: listen = 15002 x: ports are 1 to 65535, separated by commas
	5: colour = red: unknown key
	6: 10.0.0.1/8: host bits are set
	7: @nosuch: cannot be read: No such file or directory
	8: upstream = ...: expected a numeric ADDRESS:PORT, IPv6 in brackets
	10: workers = 2: given twice
TEXT
)"
said=$(sed 's/^tproxy-loader: //' "$WORK/err")
try "$RELAY" -n "$ROUTER" -c "$conf"
is "the relay prints the same lines" "$RC $(sed 's/^tproxy-relay: //' "$WORK/err")" "1 $said"
refused() { # WHAT ERE LINE… — by check, and by the relay
	local what=$1 pattern=$2
	shift 2

	printf '%s\n' '[rule a]' '[relay]' "$@" >"$conf"
	refuses "check: $what" 1 "x.conf:2: \[relay\]: $pattern" loader check "$conf"
	try timeout 20 "$RELAY" -n "$ROUTER" -c "$conf"
	like "relay: $what" "$RC $ERR" "^1 tproxy-relay: .*x.conf:2: \[relay\]: $pattern"
}
refused "keys that cannot be together" 'source = client-ip: not with an upstream' \
	'source = client-ip' 'upstream = http://1.1.1.1:80'
refused "a user who is not there" 'user = nosuchone: unknown' 'user = nosuchone'
refused "a log in no directory" 'log-file = /nosuch/log: cannot be opened' 'log-file = /nosuch/log'
printf '%s\n' '[rule a]' "to = $(seq -s' ' -f '10.0.%g.0/24' 0 200)" '[relay]' 'deny = 10.0.0.1' '  @list' \
	'deny = 10.0.0.3' "log-file = $WORK/log/of-relay" >"$conf"
printf '10.0.0.2 # a comment\n' >"$WORK/list"
do_ok "long lines and lists are fine with check" loader check "$conf"
ok "and with the relay" relay_start -c "$conf" --log-file /dev/stdout
finish
