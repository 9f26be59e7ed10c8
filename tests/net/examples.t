#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Each file of examples/ is applied with the names of this network and tried with real programs.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx dns sshd

# example NAME — its names and addresses become those of the test network
example() {
	sed -e 's/\beth0\b/r0/g; s/\beth1\b/r1/g' \
		-e 's/10\.210\.5\.0\/24/10.77.3.0\/24/g; s/2001:db8:5::\/64/fd77:3::\/64/g' \
		-e 's/10\.210\.0\.53/10.77.3.2/g; s/10\.210\.0\.76/10.77.2.2/g' \
		-e 's/10\.0\.160\.1\(29\|30\)/10.77.1.1\1/g' \
		-e 's/10\.210\.0\.0\/\(16\|24\)/10.77.2.0\/24/g; s/2001:db8:1::\/64/fd77:2::\/64/g' \
		-e 's/2001:db8::\/32/fd77::\/16/g' \
		-e "s/10\.0\.160\.5\b/$EXTRA4/g; s/10\.0\.160\.77/10.77.1.77/g" \
		"$TOP/examples/$1" >"$WORK/$1"
}

begin() { # NAME
	ok "$1 passes the check" "$LOADER" check "$TOP/examples/$1"
	example "$1"
	do_ok "$1: apply" loader apply "$WORK/$1"
	do_ok "$1: it equals the applied policy" loader diff "$WORK/$1"
	loader save >"$WORK/saved"
	do_ok "$1: and what save prints" loader diff "$WORK/saved"
}

end() { # NAME
	relay_stop
	do_ok "$1: detach" loader detach --all
}

# --- SSH and RDP through a gate ---
begin bastion.conf
ok "bastion: the relay starts with the same file" relay_start -c "$WORK/bastion.conf"
registered() { [[ $(loader -j status | json_value "o['relay']['tcp4']") == True ]]; }
ok "bastion: and registers" wait_for 10 registered
is "bastion: SSH works" "$(ssh_to $SERVER4 echo hello)" hello
ok "bastion: and was relayed" relay_says "$(record tcp $CLIENT4 $SERVER4 22)"
is "bastion: IPv6 too" "$(ssh_to $SERVER6 echo hello)" hello
ok "bastion: relayed" relay_says "$(record tcp $CLIENT6 $SERVER6 22)"
is "bastion: the excluded address" "$(ssh_to $EXTRA4 echo hello)" hello
ip -n "$CLIENT" addr add 10.77.1.77/24 dev c0
# shellcheck disable=SC2016 # the server's shell knows it
is "bastion: an administrator" "$(c ssh -F none -b 10.77.1.77 -i "$WORK/ssh/id" -o BatchMode=yes \
	-o StrictHostKeyChecking=accept-new -o LogLevel=ERROR -o UserKnownHostsFile="$WORK/ssh/known" \
	"root@$SERVER4" 'echo ${SSH_CLIENT%% *}' </dev/null)" 10.77.1.77
ok "bastion: neither was relayed" relay_silent "-> (10.77.3.2|.*10.77.1.77):22"
is "bastion: other ports go straight" "$(seen $SERVER4)" direct
ip -n "$ROUTER" addr add 10.77.1.129/32 dev r0
ip -n "$ROUTER" addr add 10.77.1.130/32 dev r0
is "bastion: an address of its pool" "$(ssh_to 10.77.1.129 echo hello)" hello
is "bastion: and one with a port" "$(cpy probe 10.77.1.130 2222)" "connected data"
ok "bastion: lead to the server" relay_says "-> 10.77.1.129:22 for $(escaped $SERVER4):22 "
relay_stop
is "bastion: without the relay the client is refused" "$(cpy probe $SERVER4 22)" refused
end bastion

# --- two ways ---
page() { "${@:2}" curl -gsS -m 8 -o /dev/null "http://$(bracket "$1")/small"; } # ADDRESS CMD…
own_record() { record tcp "$(router_for "$1")" "$1" 80; }
router_for() { if [[ $1 == *:* ]]; then echo "$ROUTER6"; else echo "$ROUTER4"; fi; }
OTHER_PROXY=(setpriv --reuid 1337 --regid 1337 --clear-groups)

# the way out, whose source address the router's own flows get
r ip route add default via $SERVER4
r ip -6 route add default via $SERVER6
begin two-way.conf
sed -i "s/10\.0\.0\.0\/8/10.77.1.0\/24/; s/fd77::\/16/fd77:1::\/64/" "$WORK/two-way.conf"
do_ok "two-way: with its network" loader apply "$WORK/two-way.conf"
ok "two-way: the relay starts with the same file" relay_start -c "$WORK/two-way.conf"
ok "two-way: outbound flows are relayed" steering $SERVER4 $SERVER6
flows=$(counter own_flow)
for server in $SERVER4 $SERVER6; do
	ok "two-way: another proxy reaches $server" page "$server" r "${OTHER_PROXY[@]}"
	is "two-way: not by the relay" "$(counter own_flow)" "$flows"
done
for server in $SERVER4 $SERVER6; do
	ok "two-way: the router reaches $server" page "$server" r
	ok "two-way: by the relay" relay_says "$(own_record "$server")"
	is "two-way: one record, of which the relay's own connection is none" \
		"$(grep -Ec -- "$(own_record "$server")" "$RELAY_LOG")" 1
done
is "two-way: and one flow each" "$(counter own_flow)" $((flows + 2))
serve_sshd "$CLIENT" || fatal "sshd starts at the clients' side"
# shellcheck disable=SC2016 # the far end expands it
ssh_back() { # ADDRESS — whom the client's sshd sees
	s ssh -F none -i "$WORK/ssh/id" -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR \
		-o UserKnownHostsFile=/dev/null "root@$1" 'echo ${SSH_CLIENT%% *}' </dev/null
}
is "two-way: inbound ssh comes from the relay" "$(ssh_back $CLIENT4) $(ssh_back $CLIENT6)" "$GATE4 $GATE6"
ok "two-way: and is recorded" relay_says "$(record tcp $SERVER4 $CLIENT4 22)"
ok "two-way: IPv6, too" relay_says "$(record tcp $SERVER6 $CLIENT6 22)"
inbound_counted() { [[ $(loader -j status | json_value "[r['flows'] for r in o['rules'] if r['name'] == 'inbound'][0]") == 2 ]]; }
ok "two-way: by its rule" inbound_counted
end two-way.conf
r ip route del default
r ip -6 route del default

# --- Squid ---
if command -v squid >/dev/null; then
	begin squid.conf
	ok "squid: Squid starts" serve_squid
	via_squid() { c curl -gsS -m 8 -o /dev/null -D - "http://$(bracket "$1")/small" | grep -qi '^via:.*squid'; }
	ok "squid: a page comes through it" wait_for 10 via_squid $SERVER4
	ok "squid: IPv6 too" wait_for 10 via_squid $SERVER6
	nok "squid: but not from the own servers" via_squid $EXTRA4
	is "squid: the server sees the client" "$(whoami_at $SERVER4 | cut -d' ' -f1)" $CLIENT4
	end squid
	stop "${SERVE_PIDS[-1]}"
	free() { ! listening "$ROUTER" tcp 3129; }
	ok "squid: it leaves its port" wait_for 20 free
else
	ok "squid is not installed # SKIP" true
fi

# --- DNS ---
begin dns.conf
ok "dns: the relay starts" relay_start
ok "dns: and registers" wait_for 10 registered
bypass_reset
is "dns: a query is answered" "$(dig_at $SERVER4 test.tproxy A)" 10.77.2.200
is "dns: by TCP too" "$(dig_at $SERVER6 +tcp test.tproxy AAAA)" fd77:2::200
bypass_none "dns: both went through the relay"
is "dns: the house's resolver" "$(dig_at $EXTRA4 test.tproxy A)" 10.77.2.200
nok "dns: goes straight" bash -c "[[ $(bypassed udp) == 0 ]]"
is "dns: encrypted DNS is dropped" "$(cpy probe $SERVER4 853 2)" timeout
end dns

# --- zones ---
begin firewall.conf
ok "firewall: HAProxy as proxy of HTTP" serve_haproxy
ok "firewall: the relay for SSH" relay_start
ok "firewall: HTTP goes through HAProxy" wait_for 10 via_relay $SERVER4
is "firewall: SSH works" "$(ssh_to $SERVER4 echo hello)" hello
ok "firewall: through the relay" relay_says "$(record tcp $CLIENT4 $SERVER4 22)"
ok "firewall: HTTP did not" relay_silent "$(record tcp $CLIENT4 $SERVER4 80)"
is "firewall: the rest is dropped" "$(cpy probe $SERVER4 8080 2)" timeout
is "firewall: servers start nothing" "$(s python3 "$LIB/net.py" probe $CLIENT4 7007 2)" timeout
end firewall
finish
