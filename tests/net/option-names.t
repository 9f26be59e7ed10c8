#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Rule options are called as the keys of the file; their former names make the same policy, and an
# error names the option as it was typed.
. "$(dirname "$0")/../lib/test.sh"

prepare
both=10.77.2.0/24,fd77:2::/64
policy() { loader save; }

# same TITLE FILE-KEYS NEW-OPTIONS FORMER-OPTIONS — each separated by blanks
same() {
	local what=$1 keys=$2 new=$3 former=$4

	printf '[loader]\ninterfaces = r0\n[rule default]\n%b' "$keys" >"$WORK/file.conf"
	# shellcheck disable=SC2086 # words
	do_ok "$what: new names" loader attach r0 $new
	policy >"$WORK/new"
	do_ok "$what: the file means the same" loader diff "$WORK/file.conf"
	do_ok "$what: detach" loader detach --all
	[[ -n $former ]] || return 0
	# shellcheck disable=SC2086
	do_ok "$what: former names" loader attach r0 $former
	policy >"$WORK/former"
	same_text "$what: the same policy" "$WORK/new" "$WORK/former"
	do_ok "$what: detach" loader detach --all
}

same "TCP ports" "ports = 22 8000-8010\n" "--ports 22,8000-8010" "--port 22,8000-8010"
same "UDP ports" "ports = udp/53 udp/123\n" "--ports udp/53,udp/123" "--udp-port 53,123"
same "UDP ports by protocol" "proto = udp\nports = 53 123\n" "--proto udp --ports 53,123" "--udp-port 53,123"
same "ports of both" "ports = 53 udp/53\n" "--ports 53,udp/53" "--udp-port 53 --port 53"
same "ports of both by protocol" "proto = tcp+udp\nports = 53\n" "--ports 53 --proto tcp+udp" \
	"--port 53 --udp-port 53"
same "a named protocol beside another" "proto = udp\nports = 53 tcp/22\n" "--proto udp --ports 53,tcp/22" \
	"--port 22 --udp-port 53"
same "a range with its protocol" "ports = tcp/8000-8010\n" "--ports tcp/8000-8010" "--port 8000-8010"
same "all UDP" "proto = udp\n" "--proto udp" ""
same "all TCP and UDP" "ports = tcp udp\n" "--ports tcp,udp" ""
same "destinations" "to = ${both/,/ }\n" "--to $both" "--cidr $both"
same "no proxy: pass" "on-proxy-down = pass\n" "--on-proxy-down pass" "--on-down pass"
same "all of them" "to = ${both/,/ }\nfrom = 10.77.1.0/24\nports = 80 udp/53\nproxy = 3129\non-proxy-down = reset\n" \
	"--to $both --from 10.77.1.0/24 --ports 80,udp/53 --proxy 3129 --on-proxy-down reset" \
	"--cidr $both --from 10.77.1.0/24 --port 80 --udp-port 53 --proxy 3129 --on-down reset"

do_ok "attach" loader attach r0 --ports 80
do_ok "rule add, new names" loader rule add new --to "$both" --ports 22,udp/53 --on-proxy-down reset
do_ok "rule add, former names" loader rule add former --cidr "$both" --port 22 --udp-port 53 --on-down reset
of() { loader rule list -j | json_value "[r for r in o['rules'] if r['name'] == '$1'][0]['$2']"; }
for key in ports to from action proxy on_proxy_down unrouted; do
	is "$key of both rules" "$(of new $key)" "$(of former $key)"
done
is "JSON: ports" "$(of new ports)" "['tcp/22', 'udp/53']"
is "and its former name" "$(of new services)" "['tcp/22', 'udp/53']"
is "JSON: on_proxy_down and its former name" "$(of new on_proxy_down) $(of new on_down)" "reset reset"
do_ok "a rule for an interface" loader rule add here --ports 25 --interface r0
is "JSON: interface and its former name" "$(of here interface) $(of here interfaces)" "['r0'] ['r0']"
like "rule list says on-proxy-down" "$(loader rule list)" 'new: .*on-proxy-down reset'

typed() { # OPTION VALUE WHY — refused, named as typed
	refuses "$1 $2" 2 "$1 $2: $3" loader rule add x "$1" "$2"
}
for option in --to --cidr --from; do
	typed $option 10.0.0.1/8 'host bits'
done
for option in --ports --port --udp-port; do
	typed $option 70000 'ports are'
done
typed --ports sctp/22 'not a port'
typed --port tcp/22 'not a port'
typed --proto icmp 'unknown value'
for option in --on-proxy-down --on-down; do
	typed $option explode 'unknown value'
done
refuses "--proto with a former name" 2 '--proto udp: goes with --ports' \
	loader rule add x --port 53 --proto udp
finish
