#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The header of the PROXY protocol, versions 1 and 2: HAProxy accepts it and learns client and
# destination from it.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx echo sshd
cat >"$WORK/haproxy.conf" <<-CONF
	global
		maxconn 200
	defaults
		mode http
		timeout connect 5s
		timeout client 30s
		timeout server 30s
	frontend in
		bind 0.0.0.0:53 accept-proxy
		bind :::53 accept-proxy v6only
		http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port]\n"
CONF
serve_run haproxy "$SERVER" "$(command -v haproxy || echo /usr/sbin/haproxy)" -db -f "$WORK/haproxy.conf"
wait_for 10 listening "$SERVER" tcp 53 || fatal "haproxy starts"

declare -A first=([v1]=50524f5859 [v2]=0d0a0d0a00) # "PROXY", "\r\n\r\n\0"
for version in v1 v2; do
	ok "$version: the relay starts" relay_start --proxy-protocol $version
	do_ok "$version: attach" loader attach r0 --ports 53,7007 --to 10.77.2.0/23,fd77:2::/31
	for pair in "$CLIENT4 $SERVER4" "$CLIENT6 $SERVER6" "$CLIENT4 $EXTRA4" "$CLIENT6 $EXTRA6"; do
		read -r from to <<<"$pair"
		ok "$version: port 53 of $to is relayed" wait_for 10 cpy probe "$to" 53 1
		c curl -gsS -m 8 -w '%{local_port}' "http://$(bracket "$to"):53/" >"$WORK/said"
		mapfile -t said <"$WORK/said"
		is "$version: haproxy knows client and destination at $to" "${said[0]}" "$from ${said[1]} $to 53"
	done
	# it comes before the client's bytes, and is not counted as theirs
	is "$version: the echo server sends it back first" "$(c timeout 8 python3 -c 'import socket, sys
print(socket.create_connection((sys.argv[1], 7007), 8).recv(5).hex())' $SERVER4)" "${first[$version]}"
	relay_stop
done
ok "without it the relay starts" relay_start
ok "port 53 is relayed" wait_for 10 cpy probe $SERVER4 53 1
nok "and haproxy refuses, for the header is missing" c curl -gsS -m 8 "http://$SERVER4:53/"
bypass_none "nothing went past the relay"
finish
