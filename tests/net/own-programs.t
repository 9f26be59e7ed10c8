#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Programs on the router: curl with a name of both families, ssh of one user, a QUIC client.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

QUIC_CLIENT=$(command -v gtlsclient || echo /usr/bin/gtlsclient)
QUIC_SERVER=$(command -v gtlsserver || echo /usr/sbin/gtlsserver)

prepare nginx sshd
own_ways
own_cgroups
ok "the relay starts" own_relay
do_ok "attach" loader attach r0 --local --cgroup "$CGROUP" --ports 80
do_ok "attach for own traffic" own_attach
own_policy() { do_ok "rule: $*" own_rule "$@"; }

# --- curl: what the rule for one family refuses, the other family does ---
dual() { app curl -gsS -m 8 --resolve "dual.tproxy:80:[$SERVER6],$SERVER4" http://dual.tproxy/whoami | cut -d' ' -f1; }
for action in reset drop; do
	own_policy "local = yes" "ports = 80" "to = 10.77.0.0/16" "[rule six]" "local = yes" "ports = 80" "to = fd77::/16" "action = $action"
	is "curl, IPv6 by $action: the answer" "$(dual)" $ROUTER4
	is "curl, IPv6 by $action: the relay has it" \
		"$(wait_for 5 relay_says "$(record tcp $ROUTER4 $SERVER4 80)" && grep -c -- "-> .*$SERVER4:80 " "$RELAY_LOG")" \
		"$((${seen:=0} + 1))"
	seen=$((seen + 1))
done
ok "no flow of IPv6 reaches the relay" relay_silent "-> $(escaped "[$SERVER6]")"
own_policy "ports = 80" "to = 10.77.0.0/16 fd77::/16"
is "curl, both families" "$(dual)" $ROUTER6
ok "the relay has it" relay_says "$(record tcp $ROUTER6 $SERVER6 80)"

# --- ssh: of one user ---
# shellcheck disable=SC2016
sed '/^alice:/d; $aalice:x:1234:1234::/:/bin/sh' /etc/passwd >"$WORK/passwd"
mount --bind "$WORK/passwd" /etc/passwd
chmod 711 "$WORK" "$WORK/ssh"
for user in 0 1234; do
	install -m 600 -o $user "$WORK/ssh/id" "$WORK/ssh/id-$user"
done
ssh_as() { # UID ADDRESS
	# shellcheck disable=SC2016 # the far end expands it
	app setpriv --reuid "$1" --regid "$1" --clear-groups ssh -F none -i "$WORK/ssh/id-$1" -o BatchMode=yes \
		-o ConnectTimeout=10 -o IdentitiesOnly=yes -o LogLevel=ERROR -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null "root@$2" 'echo $SSH_CONNECTION' </dev/null | cut -d' ' -f3
}
own_policy "ports = 22" "uid = alice"
for server in $SERVER4 $SERVER6; do
	is "ssh of root to $server" "$(ssh_as 0 "$server")" "$server"
	ok "is direct" relay_silent "-> $(escaped "$(bracket "$server")"):22 "
	is "ssh of alice to $server" "$(ssh_as 1234 "$server")" "$server"
	ok "is relayed" relay_says "$(record tcp "$(source_for "$server")" "$server" 22)"
done

# --- QUIC ---
if [[ -x $QUIC_CLIENT && -x $QUIC_SERVER ]]; then
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$WORK/key" -out "$WORK/cert" -days 2 -subj /CN=quic.tproxy \
		2>/dev/null
	serve_run quic "$SERVER" "$QUIC_SERVER" -q -d "$WORK/www" '*' 443 "$WORK/key" "$WORK/cert"
	ok "the QUIC server starts" wait_for 10 listening "$SERVER" udp 443
	own_policy "ports = udp/443"
	mkdir "$WORK/got"
	head -c 2M /dev/urandom >"$WORK/www/data"
	for server in $SERVER4 $SERVER6; do
		app timeout 20 "$QUIC_CLIENT" -q --exit-on-all-streams-close --download "$WORK/got" "$server" 443 \
			"https://quic.tproxy/data" >"$WORK/log/quic-client" 2>&1
		is "QUIC to $server: 2 MB" "$(sum_of "$WORK/got/data")" "$(sum_of "$WORK/www/data")"
		rm -f "$WORK/got/data"
	done
	# this client does not connect its socket
	like "the datagrams go to the proxy" "$(counter own_datagram)" '^[0-9]{2}'
	is "none of them goes past it" "$(counter own_stale)" 0
else
	echo "# no QUIC client (package ngtcp2-client)"
fi
do_ok "detach own traffic" own_detach
do_ok "detach" loader detach --all
finish
