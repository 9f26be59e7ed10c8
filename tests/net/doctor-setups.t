#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# doctor beside other programs of a router: what ufw, firewalld, Tailscale, mwan3, fail2ban and others
# write. Where flows arrive it finds no error and, unless something really changes, no warning. Where
# they do not arrive it finds an error that names the rule, and its cure mends it.
TEST_LIMIT=900
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=tests/lib/doctor.sh
. "$LIB/doctor.sh"

# all but the table that counts for bypass_none
flush() {
	local iptables table

	r nft list tables | grep -v ' bypass$' | sed 's/^/delete /' | r nft -f -
	for iptables in iptables-legacy ip6tables-legacy; do
		for table in filter mangle nat; do r $iptables -t $table -F; done
	done
}
arrives() { steering "$SERVER4" "$SERVER6" && [[ $(dig_at "$SERVER4" test.tproxy A) == 10.77.2.200 ]]; }
port_80() { [[ $(c curl -gsS -m 1 "http://$SERVER4/whoami") == "$ROUTER4 "* ]]; }
export -f port_80 c
# good TEXT — flows arrive, and doctor finds nothing
good() {
	bypass_reset
	ok "$1: flows arrive" arrives
	healthy "$1"
	flush
}
# bad TEXT FINDINGS — flows to port 80 do not arrive, doctor finds that, and the first cure mends it
bad() {
	local id

	nok "$1: flows do not arrive" timeout 3 bash -c port_80
	finds "$1" "$2"
	id=${2##*broken:}
	does "$1: the cure" "$(doctor_next "${id%% *}" | sed 's/; .*//')"
	ok "$1: flows arrive after the cure" wait_for 5 port_80
	flush
}

prepare nginx dns
r ip route add default via "$SERVER4"
r ip -6 route add default via "$SERVER6"
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,443,udp/53
ok "flows go through the relay" arrives
healthy "nothing else"

# ---- firewalls --------------------------------------------------------------

# its check of the reverse path, for which the address of all routers is none of a client, and its
# list of addresses that nobody has
r nft -f - <<-'NFT'
	table inet firewalld {
		chain mangle_PREROUTING {
			type filter hook prerouting priority mangle + 10
			icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
			meta nfproto ipv6 fib saddr . mark . iif oif missing drop
		}
		chain filter_INPUT {
			type filter hook input priority filter + 10
			ct state { established, related } accept
			ct status dnat accept
			iifname lo accept
			ct state invalid drop
			iifname r0 goto filter_IN_internal
			reject with icmpx type admin-prohibited
		}
		chain filter_IN_internal {
			meta l4proto { icmp, ipv6-icmp } accept
			tcp dport { 22, 80, 443 } ct state new,untracked accept
			udp dport 53 accept
			reject with icmpx type admin-prohibited
		}
		chain filter_FORWARD {
			type filter hook forward priority filter + 10
			ct state { established, related } accept
			ct state invalid drop
			ip6 daddr { ::/96, ::ffff:0.0.0.0/96, 2002::/24, 2002:a00::/24, 2002:e000::/19 } reject
			iifname r0 accept
			reject with icmpx type admin-prohibited
		}
	}
NFT
good "firewalld"

# a table that is switched off, names of devices in sets, and sets of several fields
r nft -f - <<-'NFT'
	table inet off {
		flags dormant
		chain input {
			type filter hook input priority filter; policy drop
		}
	}
	table inet filter {
		set banned {
			type ipv4_addr; flags interval
			elements = { 10.77.1.77, 203.0.113.0/24 }
		}
		map services {
			type inet_proto . inet_service : verdict
			elements = { tcp . 80 : accept, tcp . 443 : accept, udp . 53 : accept }
		}
		set networks {
			type ipv4_addr; flags interval
			elements = { 0.0.0.0/0 }
		}
		chain input {
			type filter hook input priority filter; policy drop
			ct state vmap { established : accept, related : accept, invalid : drop }
			meta l4proto { icmp, ipv6-icmp } accept
			ip saddr @banned drop
			iifname { r0, "veth*" } meta l4proto . th dport vmap @services
		}
	}
	table ip inner {
		chain input {
			type filter hook input priority filter + 5; policy drop
			ip saddr @clients accept
		}
		set clients {
			type ipv4_addr; flags interval
			elements = { 0.0.0.0/0 }
		}
	}
NFT
good "sets and maps"

# ufw as it is after "ufw allow 443/tcp": a rule that logs some packets takes none from the next
r nft -f - <<-'NFT'
	table ip filter {
		chain ufw-not-local {
			fib daddr type local return
			limit rate 3/minute burst 10 packets log prefix "UFW BLOCK "
			drop
		}
		chain input {
			type filter hook input priority filter
			ct state established,related accept
			meta l4proto icmp accept
			jump ufw-not-local
			tcp dport 443 accept
		}
	}
NFT
bad "ufw" "broken:input-filter"
r nft -f - <<-'NFT'
	table inet filter {
		chain input {
			type filter hook input priority filter; policy drop
			ct state established,related accept
			meta l4proto { icmp, ipv6-icmp } accept
			tcp dport 443 accept
			udp dport 53 accept
		}
	}
NFT
bad "one port of two is accepted" "broken:input-filter"
r nft -f - <<-'NFT'
	table inet filter {
		chain input {
			type filter hook input priority filter
			tcp dport 443 drop
		}
	}
NFT
ok "a port that no probe tries: port 80 arrives" port_80
finds "a port that no probe tries" "broken:input-filter"
like "it names the port" "$(json_value "o['problems'][0]['text']" <"$DOCTOR_JSON")" 'to port 443,'
flush

# only one client is let in, and doctor takes another one for its probe
r nft -f - <<-'NFT'
	table inet filter {
		chain input {
			type filter hook input priority filter; policy drop
			ct state established,related accept
			meta l4proto { icmp, ipv6-icmp } accept
			ip saddr 10.77.1.2 accept
			ip6 saddr fd77:1::2 accept
		}
	}
NFT
ok "clients by address: flows arrive" arrives
finds "clients by address" "degraded:input-filter"
flush

# ---- marks ------------------------------------------------------------------

r iptables-nft -A FORWARD -i tailscale0 -j MARK --set-xmark 0x40000/0xff0000
r iptables-nft -t mangle -A PREROUTING -m conntrack --ctstate RELATED,ESTABLISHED -j CONNMARK --restore-mark --nfmask 0xff0000 --ctmask 0xff0000
r iptables-nft -t mangle -A OUTPUT -m conntrack --ctstate NEW -m mark ! --mark 0x0/0xff0000 -j CONNMARK --save-mark --nfmask 0xff0000 --ctmask 0xff0000
r ip rule add pref 5210 fwmark 0x80000/0xff0000 lookup main
r ip rule add pref 5250 fwmark 0x80000/0xff0000 type unreachable
good "Tailscale"
r ip rule del pref 5210
r ip rule del pref 5250
r iptables-nft -t mangle -A PREROUTING -m mark --mark 0x0/0x3f00 -j CONNMARK --restore-mark --nfmask 0x3f00 --ctmask 0x3f00
r iptables-nft -t mangle -A PREROUTING -i r0 -m mark --mark 0x0/0x3f00 -m statistic --mode random --probability 0.5 -j MARK --set-xmark 0x100/0x3f00
r iptables-nft -t mangle -A PREROUTING -i r0 -m mark --mark 0x0/0x3f00 -j MARK --set-xmark 0x200/0x3f00
r iptables-nft -t mangle -A PREROUTING -j CONNMARK --save-mark --nfmask 0x3f00 --ctmask 0x3f00
good "mwan3"
r iptables-nft -A INPUT -m mark --mark 0x8000/0x8000 -j DROP
good "kube-proxy"

# ---- TPROXY of an earlier set-up --------------------------------------------

r iptables-legacy -t mangle -A PREROUTING -i r0 -p tcp --dport 80 -j TPROXY --on-port 15999 --tproxy-mark 0x1/0x1
bad "TPROXY of iptables" "broken:other-tproxy"
tproxy() { r nft "add table ip old; add chain ip old pre { type filter hook prerouting priority mangle; }; add rule ip old pre tcp dport 80 tproxy to 127.0.0.1:15999 accept"; }
tproxy
ok "TPROXY of nft, whose proxy does not run: flows arrive" arrives
finds "TPROXY of nft, whose proxy does not run" "degraded:other-tproxy"
flush
r python3 -c '
import socket, time
s = socket.socket()
s.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
s.bind(("127.0.0.1", 15999))
s.listen()
time.sleep(900)' &
old=$!
wait_for 5 r sh -c 'ss -Hltn sport = :15999 | grep -q .'
tproxy
bad "TPROXY of nft" "broken:other-tproxy"
stop "$old"

# ---- later packets ----------------------------------------------------------

r nft 'add table inet late; add chain inet late input { type filter hook input priority 0; }; add rule inet late input ct state established tcp dport 80 drop'
nok "packets after the first are dropped: nothing is answered" timeout 3 bash -c port_80
like "packets after the first are dropped" "$(findings)" '(^| )broken:input-filter( |$)'
flush
# ---- IPv6 is off ------------------------------------------------------------

r sysctl -qw net.ipv6.conf.r0.disable_ipv6=1
do_ok "without IPv6: attach" loader attach r0
nok "without IPv6: a client still tries it" c curl -gsS -m 1 "http://[$SERVER6]/whoami"
ok "without IPv6: flows of IPv4 arrive" port_80
finds "without IPv6" -
r sysctl -qw net.ipv6.conf.r0.disable_ipv6=0
r ip -6 addr add fd77:1::1/64 dev r0 nodad
do_ok "with IPv6 again: attach" loader attach r0
good "with IPv6 again"

# ---- names ------------------------------------------------------------------

# cures are pasted into a shell: a name is one word of it, whatever it has, and of nft as well
# shellcheck disable=SC2016 # the name has it as it is
odd='a;touch$IFS"x'
for name in "$odd" "it's" 1eth tcp; do
	r ip link add dev "$name" type veth peer name odd1
	r ip link set dev "$name" up
	r ip link set dev odd1 up
	r ip addr add 10.77.9.1/24 dev "$name"
	do_ok "$name: attach" loader attach "$name"
	# doctor_next takes the first one
	r ip rule del iif "$name" pref 150
	does "$name: the routing rule comes back" "$(findings >/dev/null; doctor_next rule-missing | sed 's/; tproxy.*//')"
	r sysctl -qw "net/ipv4/conf/$name/forwarding=0"
	does "$name: the sysctl" "$(findings >/dev/null; doctor_next forwarding-off)"
	r ip link set dev "$name" down
	does "$name: up" "$(findings >/dev/null; doctor_next device-down)"
	r nft "add table inet odd; add chain inet odd pre { type filter hook prerouting priority -150; }; add rule inet odd pre iifname != r0 meta mark set 1"
	does "$name: the rescue" "$(findings >/dev/null; doctor_next mark-overwritten)"
	finds "$name: all mended" -
	flush
	ok "$name: detach" loader detach "$name"
	r ip link del dev odd1
done
ok "no name was run as a command" test ! -e x -a ! -e "$TOP/x"

# ---- large rule sets --------------------------------------------------------

# the rule that accepts is none of those that are read
python3 - >"$WORK/rules" <<-'PYTHON'
	print("table inet big { chain forward { type filter hook forward priority 0;")
	for i in range(66000):
	    print(f"ip saddr 11.{i >> 16}.{i >> 8 & 255}.{i & 255} drop")
	print("}\n}\ntable inet filter { chain input { type filter hook input priority 0; policy drop")
	print("accept\n}\n}")
PYTHON
r nft -f "$WORK/rules"
finds "66000 rules: no error" -
like "66000 rules: it says that it has not read all" "$(json_value \
	"[k['result'] for k in o['checks'] if k['id'] == 'filters'][0]" <"$DOCTOR_JSON")" '^unchecked$'
flush
python3 - >"$WORK/rules" <<-'PYTHON'
	print("table inet filter {")
	for i in range(300):
	    print(f"set s{i} {{ type ipv4_addr; elements = {{ ")
	    print(",".join(f"20.{i & 255}.{k >> 8}.{k & 255}" for k in range(4000)), "}\n}")
	print("}")
PYTHON
r nft -f "$WORK/rules"
at_most "1200000 elements of sets: kB of memory" "$(r python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$LOADER" --pin-dir "$PINS" doctor)" 60000
flush
bypass_none "no flow passed the proxy"
finish
