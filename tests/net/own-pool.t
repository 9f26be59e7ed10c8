#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Pools serve the programs of the router itself also while a rule takes all of its own traffic: before
# attach --local, beside it, and after detach --local. The relay's own connections are left alone.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

POOL4=10.77.1.101 POOL6=fd77:1::101 # on the router's r0

get() { app curl -gsS -m 8 "http://$1/whoami" | cut -d' ' -f1; }
ask() { app dig +short +tries=2 +time=3 "@$1" test.tproxy A "${@:2}"; }
records() { grep -cE -- "$1" "$RELAY_LOG"; }

hold() { # ADDRESS/PORT — a connection that stays
	app bash -c "exec 3<>/dev/tcp/$1; exec sleep 600" &
	SERVE_PIDS+=($!)
	disown $!
}

# The relay has each flow once: more would be its own connections. Datagrams that are open have no record.
pools_work() { # TEXT
	local before

	before=$(records ' tcp ')
	is "$1: HTTP" "$(get $POOL4:8000)" $ROUTER4
	is "$1: HTTP, IPv6" "$(get "[$POOL6]:8000")" $ROUTER6
	ok "$1: the record names pool and server" relay_says \
		"tcp .* -> $(escaped "[$POOL6]"):8000 for $(escaped "[$SERVER6]"):80 "
	is "$1: DNS" "$(ask $POOL4)" 10.77.2.200
	is "$1: DNS, IPv6, TCP" "$(ask $POOL6 +tcp)" 10.77.2.200
	like "$1: the answer is from the address of the pool" \
		"$(app dig +tries=2 +time=3 "@$POOL4" test.tproxy A)" "SERVER: $(escaped $POOL4)#53"
	all_recorded() { [[ $(records ' tcp ') == $((before + 3)) ]]; }
	ok "$1: three connections, three records" wait_for 10 all_recorded
}

prepare nginx dns
own_ways
own_cgroups
own_ways
ip -n "$ROUTER" addr add $POOL4/32 dev r0
ip -n "$ROUTER" addr add $POOL6/128 dev r0 nodad
cat >"$WORK/pools.conf" <<-CONF
	[loader]
	interfaces = r0
	[rule web]
	ports = 80
	[pool gate]
	$POOL4:8000 = $SERVER4:80
	[$POOL6]:8000 = [$SERVER6]:80
	$POOL4:53 = $SERVER4:53
	[$POOL6]:53 = [$SERVER6]:53
CONF
sed "s/^interfaces.*/&\nlocal = yes/; \$a[rule own]\nlocal = only\nproto = tcp+udp" "$WORK/pools.conf" >"$WORK/own.conf"

do_ok "pools" loader apply "$WORK/pools.conf"
ok "the relay starts" relay_start -c "$WORK/pools.conf"
pools_work "before"
is "other own traffic is direct" "$(get $SERVER4)" $ROUTER4
ok "the relay does not have it" relay_silent "tcp $(escaped $ROUTER4):[0-9]+ -> $(escaped $SERVER4):80 "

do_ok "own traffic, a rule for everything" loader attach --local --cgroup "$CGROUP" --proto tcp+udp
pools_work "beside own traffic"
is "other own traffic is relayed" "$(get $SERVER4)" $ROUTER4
ok "the relay has it" relay_says "tcp $(escaped $ROUTER4):[0-9]+ -> $(escaped $SERVER4):80 "
is "also datagrams" "$(ask $SERVER4)" 10.77.2.200
hold $SERVER4/80
hold $POOL4/8000
both_open() { [[ $(loader -j flows --proto tcp | json_value "len(o['flows'])") == 2 ]]; }
ok "two connections are open" wait_for 10 both_open
is "flows names the rule, although it knows no sender, and the pool" "$(loader -j flows --proto tcp |
	json_value "[f.get('pool') or f['rule'] for f in sorted(o['flows'], key=lambda f: f['dst'])]")" "['gate', 'default-local']"
is "the client of r0, too" "$(whoami_at $POOL4 8000 | cut -d' ' -f1)" $ROUTER4
do_ok "as a file" loader apply "$WORK/own.conf"
pools_work "with a file"

do_ok "detach --local" loader detach --local
pools_work "after"
do_ok "detach" loader detach --all
finish
