#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Measures TCP through the relay, and judges nothing: beside plain forwarding, HAProxy
# (copying, and with splice-auto), nginx stream and redsocks, whichever are installed, all in one
# network and interleaved. Writes build/bench-tcp.json and a table.
# PAIRS, SECONDS_EACH and TESTS (bulk1 bulk4 crr rr idle) may be given, CC=bbr for another
# congestion control than reno, and with RELAYS="NAME=PATH…" other builds of the relay to
# compare with. Congestion control that paces measures timers: one flow through everything
# here is 2 to 5 times slower with it, and so are all relays alike.

# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
bench_enter "${BENCH_LIMIT:-1800}" "$@"
# shellcheck source=tests/bench/network.sh
. tests/bench/network.sh

SETUPS=()

# setup NAME HOST PORT [PID…] — something to measure; PIDs are the processes that relay
setup() { SETUPS+=("$(
	IFS=,
	echo "$*"
)"); }

# Not registered: its rule names the port of its first worker.
relay_peer() { # NAME PATH PORT LISTEN
	serve_run "$1" "$ROUTER" "$2" --pin-dir /sys/fs/bpf/none --listen "$4" --workers 1 \
		--max-flows-per-source 0
	wait_for 10 listening "$ROUTER" tcp "$4"
	loader -q rule add "$1" --ports "$3" --proxy "127.0.0.1:$4"
	setup "$1" $SERVER4 "$3" "${SERVE_PIDS[-1]}"
}

haproxy_peer() { # NAME PORT LISTEN [OPTION]
	cat >"$WORK/$1.conf" <<-CONF
		global
			maxconn 4500
		defaults
			mode tcp
			timeout connect 10s
			timeout client 1h
			timeout server 1h
			${4-}
		frontend in
			bind 0.0.0.0:$3 transparent
			default_backend original
		backend original
			server original *
	CONF
	serve_run "$1" "$ROUTER" "$(command -v haproxy || echo /usr/sbin/haproxy)" -db -f "$WORK/$1.conf"
	wait_for 10 listening "$ROUTER" tcp "$3"
	loader -q rule add "$1" --ports "$2" --proxy "$3"
	setup "$1" $SERVER4 "$2" "${SERVE_PIDS[-1]}"
}

# nginx has no transparent listener: it is dialled directly, and knows its server
nginx_peer() { # PORT
	mkdir -p "$WORK/nginx"
	cat >"$WORK/nginx.conf" <<-CONF
		load_module modules/ngx_stream_module.so;
		user root;
		daemon off;
		worker_processes auto;
		pid $WORK/nginx/pid;
		error_log $WORK/log/nginx-error;
		events { worker_connections 9000; }
		stream {
			server { listen $1 reuseport backlog=4096; proxy_pass $SERVER4:7100; proxy_timeout 1h; }
		}
	CONF
	serve_run nginx "$ROUTER" nginx -p /usr/share/nginx/ -e "$WORK/log/nginx-error" -c "$WORK/nginx.conf"
	wait_for 10 listening "$ROUTER" tcp "$1" || return
	# shellcheck disable=SC2046 # a list of numbers
	setup nginx $GATE4 "$1" $(pgrep -P "${SERVE_PIDS[-1]}")
}

# redsocks knows no destination itself: a SOCKS server beside the load's server dials it.
# Its rates suffer from that hop, its own CPU time does not. Its iptables rules, and the
# connection tracking they switch on, are there only while it is measured.
redsocks_peer() { # PORT
	cat >"$WORK/redsocks.conf" <<-CONF
		base { log_info = off; log = stderr; daemon = off; redirector = iptables; }
		redsocks { local_ip = 0.0.0.0; local_port = 3131; ip = $SERVER4; port = 1080; type = socks5; }
	CONF
	serve_run microsocks "$SERVER" microsocks -i 0.0.0.0 -p 1080
	serve_run redsocks "$ROUTER" "$(command -v redsocks || echo /usr/sbin/redsocks)" -c "$WORK/redsocks.conf"
	wait_for 10 listening "$ROUTER" tcp 3131 || return
	echo "iptables -t nat -A PREROUTING -i r0 -p tcp --dport $1 -j REDIRECT --to-ports 3131" \
		>"$WORK/redsocks.on"
	echo "nft delete table ip nat" >"$WORK/redsocks.off"
	setup redsocks $SERVER4 "$1" "${SERVE_PIDS[-1]}"
}

prepare_peers() {
	local relay port

	loader -q attach r0 --ports 7101
	relay_start --max-flows-per-source 0
	setup relay $SERVER4 7101 "$RELAY_PID"
	setup plain $SERVER4 7100
	if command -v haproxy >/dev/null || [[ -x /usr/sbin/haproxy ]]; then
		haproxy_peer haproxy-copy 7102 3129
		haproxy_peer haproxy-splice 7103 3130 "option splice-auto"
	fi
	for relay in ${RELAYS-}; do
		port=$((${port:-7110} + 1))
		serve_run "load-$port" "$SERVER" "$LOAD" server $port
		relay_peer "${relay%%=*}" "${relay#*=}" $port $((port + 9000))
	done
	if [[ -e /usr/lib/nginx/modules/ngx_stream_module.so ]]; then
		nginx_peer 7105
	fi
	if command -v microsocks >/dev/null && [[ -x /usr/sbin/redsocks ]]; then
		redsocks_peer 7104
	fi
}

network_up 7100 7101 7102 7103 7104
prepare_peers
measure build/bench-tcp.json "${PAIRS:-7}" "${TESTS:-bulk1 bulk4 crr rr idle}" "${SETUPS[@]}"
