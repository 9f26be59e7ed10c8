#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# doctor and proxies of others, and what the kernel grants them: ports that can be dialled or are
# shared, daemons on the ports of servers, queues, SYN cookies, addresses of pools. Each has its id and
# no other, and the cure that doctor names mends it.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=tests/lib/doctor.sh
. "$LIB/doctor.sh"

# proxy ARG… — a proxy that listens on port 3129
proxy() {
	serve_run proxy "$ROUTER" python3 "$LIB/listen.py" 3129 "$@"
	wait_for 10 listening "$ROUTER" "${1%%,*}" 3129
}
proxy_stop() { stop "${SERVE_PIDS[-1]}"; }
again() {
	loader -q detach --all
	do_ok "attach $*" loader attach r0 "$@"
}

prepare nginx dns

# --- another proxy ---
again --ports 80 --to 10.77.2.0/24 --proxy 3129
finds "no proxy listens" "broken:no-listener"
proxy tcp 0.0.0.0
finds "not transparent, and on all addresses" \
	"broken:listener-not-transparent degraded:listener-exposed"
proxy_stop
proxy tcp 0.0.0.0 transparent
finds "it can be dialled" "degraded:listener-exposed"
like "it says where to bind it" "$(doctor_next listener-exposed)" '127\.0\.0\.1:3129 and \[::1\]:3129'
proxy_stop
proxy tcp 0.0.0.0 transparent
r nft 'add table inet guard; add chain inet guard in { type filter hook input priority 0; };
	add rule inet guard in iifname r0 ct state new meta mark & 0x1000000 == 0 tcp dport 3129 drop'
finds "a packet filter protects its port" -
like "doctor says so" "$(json_value "[c['evidence'] for c in o['checks'] if c['id'] == 'exposed'][0]" <"$DOCTOR_JSON")" \
	'a packet filter protects tcp port 3129'
r nft 'flush chain inet guard in; add rule inet guard in iifname r0 ip saddr 10.77.1.0/25 tcp dport 3129 drop'
finds "it protects the port from some" "degraded:listener-exposed"
like "doctor says that it may" "$(json_value "o['problems'][0]['text']" <"$DOCTOR_JSON")" 'a packet filter may drop some'
r nft 'flush chain inet guard in; add rule inet guard in iifname r0 tcp dport 3130 drop'
finds "another port" "degraded:listener-exposed"
r nft delete table inet guard
proxy_stop
proxy tcp 10.77.1.1 transparent
finds "an address of the network counts, too: nobody finds it there" \
	"broken:no-listener degraded:listener-exposed"
proxy_stop
proxy tcp 127.0.0.1 transparent
mended "bound to loopback it is well"
proxy_stop

proxy tcp 127.0.0.1 transparent shared comm=first
proxy tcp 127.0.0.1 transparent shared comm=first
finds "workers of one program share a port" -
proxy tcp 127.0.0.1 transparent shared comm=second
ok "another program comes" wait_for 10 found "degraded:listener-shared"
finds "two programs do" "degraded:listener-shared"
like "it says how to find them" "$(doctor_next listener-shared)" 'ss -lntp sport = :3129'
proxy_stop
mended "without the other one it is well"

again --ports udp/53 --to 10.77.2.0/24 --proxy 3129
proxy udp 127.0.0.1 transparent
finds "a proxy for datagrams" -
serve_run daemon "$ROUTER" python3 "$LIB/listen.py" 53 udp 0.0.0.0 alone
ok "a daemon listens on port 53" wait_for 10 listening "$ROUTER" udp 53
finds "has the port of the servers" "degraded:udp-port-taken"
proxy_stop
serve_run daemon "$ROUTER" python3 "$LIB/listen.py" 53 udp 10.77.1.1 alone
ok "a daemon with one address" wait_for 10 listening "$ROUTER" udp 53
mended "does no harm"

# --- the relay ---
serve_run daemon "$ROUTER" python3 "$LIB/listen.py" 5353 udp 0.0.0.0 alone
again --ports 80,udp/5353
finds "no relay" "broken:no-listener"
"$RELAY" -n "$SERVER" --pin-dir /sys/fs/bpf/other >"$WORK/log/other" 2>&1 </dev/null &
other=$!
ok "one starts in another network namespace" wait_for 10 grep -q listening "$WORK/log/other"
finds "there is none here" "broken:no-listener"
like "the cure names the other one" "$(doctor_next no-listener)" \
	"^start tproxy-relay in this network namespace; .* \(pid $other\) is in network namespace $SERVER\$"
stop "$other"
finds "when that ends" "broken:no-listener"
like "the cure is the plain one" "$(doctor_next no-listener)" '^start tproxy-relay; if it runs, its log'
ok "the cure: start tproxy-relay" relay_start
ok "flows go through it" steering $SERVER4
mended "helps; a daemon on the port of servers does no harm"

# --- queues ---
relay_stop
r sysctl -qw net.core.somaxconn=128
ok "a relay with a short queue" relay_start
ok "takes flows" steering $SERVER4
finds "its queue is short" "degraded:backlog-small"
does "the cure" "$(doctor_next backlog-small | sed 's/;.*//')"
like "the next step" "$(findings; doctor_next backlog-small)" '^degraded:backlog-small.systemctl stop'
relay_stop
ok "the relay starts again" relay_start
ok "flows go through it" steering $SERVER4
mended "helps"
for value in 0 2; do
	r sysctl -qw net.ipv4.tcp_syncookies=$value
	finds "tcp_syncookies=$value" "degraded:syncookies"
	does "the cure" "$(doctor_next syncookies)"
	mended "helps"
done

# --- pools ---
cat >"$WORK/pools.conf" <<-CONF
	[loader]
	interfaces = r0
	[rule web]
	to    = 10.77.2.0/24 fd77:2::/64
	ports = 80
	[pool gate]
	10.77.9.7:80 = $SERVER4:80
	[fd77:9::7]:80 = [$SERVER6]:80
CONF
do_ok "apply" loader apply "$WORK/pools.conf"
finds "addresses of a pool that nobody delivers here" "degraded:pool-not-local"
does "the cure" "$(doctor_next pool-not-local)"
finds "IPv6 as well" "degraded:pool-not-local"
does "the cure" "$(doctor_next pool-not-local)"
mended "helps"
finish
