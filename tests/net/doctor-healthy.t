#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Ordinary set-ups in which all is well: doctor finds no error and no warning in any of them. Routers
# with firewalls, policy files, other proxies, rules of others.
TEST_LIMIT=400
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=../lib/doctor.sh
. "$LIB/doctor.sh"

relayed() {
	steering "$SERVER4" "$SERVER6" &&
		[[ "$(dig_at "$SERVER4" test.tproxy A) $(dig_at "$SERVER6" test.tproxy A)" == "10.77.2.200 10.77.2.200" ]]
}
# others — what no rule concerns: pings, flows to other ports, servers that are not there
others() {
	c ping -qc 1 -W 2 "$SERVER4" && c ping -qc 1 -W 2 "$SERVER6" || return
	whoami_at "$SERVER4" 8080
	c timeout 0.5 curl -s "http://$ABSENT4/"
	c timeout 0.5 curl -s "http://$SERVER4:8081/"
	return 0
}
# well NAME [CMD…] — flows are relayed, as CMD says, and doctor finds nothing
well() {
	local name=$1
	shift

	ok "$name: flows go through the proxy" "${@:-relayed}"
	healthy "$name"
}

prepare nginx dns
r ip route add default via $SERVER4
r ip -6 route add default via $SERVER6
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/53
healthy "nothing was seen"
well "a router"
ok "other flows" others
healthy "with other flows"

# ---- sysctls ----

strict() {
	r sysctl -qw net.ipv4.conf.{all,r0,r1}.rp_filter="$1" net.ipv4.conf.{all,r0}.src_valid_mark="$1" \
		net.ipv4.conf.all.{accept_redirects,send_redirects,accept_source_route}=0 \
		net.ipv4.tcp_timestamps=1 net.ipv4.conf.all.log_martians="$1" \
		net.ipv4.conf.{all,r0,r1}.arp_filter="$1"
}
strict 1
well "a hardened router"
strict 0

# ---- addresses ----

# The first ones that a probe would take for those of a client. fd77:1:: is that of all routers.
ok "addresses of a virtual router" eval "r ip address add 10.77.1.3/24 dev r0 &&
	r ip address add 10.77.1.250/32 dev r0 && r ip -6 address add fd77:1::3/64 dev r0 nodad"
well "a virtual router"
r ip address del 10.77.1.3/24 dev r0
r ip address del 10.77.1.250/32 dev r0
r ip -6 address del fd77:1::3/64 dev r0

# ---- packet filters ----

gateway() {
	r nft -f - <<-'NFT'
		table inet filter {
			set blocked { type ipv4_addr; flags interval; elements = { 192.0.2.0/24, 198.51.100.7 } }
			chain spoofed {
				type filter hook prerouting priority raw + 10
				meta nfproto ipv4 fib saddr . iif oif missing drop
				icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
				meta nfproto ipv6 fib saddr . mark . iif oif missing drop
			}
			chain input {
				type filter hook input priority filter; policy drop
				iif lo accept
				ct state established,related accept
				ct state invalid drop
				ip saddr @blocked drop
				meta l4proto { icmp, ipv6-icmp } accept
				iifname r0 tcp dport { 22, 53 } accept
				iifname r0 udp dport { 53, 67, 123 } accept
				limit rate 5/minute log prefix "input: "
			}
			chain forward {
				type filter hook forward priority filter; policy drop
				ct state established,related accept
				ct state invalid drop
				tcp flags syn tcp option maxseg size set rt mtu
				iifname r0 oifname r1 accept
			}
			chain output {
				type filter hook output priority filter; policy accept
				ct state invalid drop
			}
		}
		table inet nat {
			chain prerouting {
				type nat hook prerouting priority dstnat
				iifname r1 tcp dport { 443, 8443 } dnat ip to 10.77.1.2
			}
			chain postrouting {
				type nat hook postrouting priority srcnat
				oifname r1 masquerade
			}
		}
	NFT
}
ok "a gateway with nftables" gateway
r nft 'add flowtable inet filter fast { hook ingress priority 0; devices = { r0, r1 }; };
	insert rule inet filter forward meta l4proto { tcp, udp } flow add @fast' 2>/dev/null ||
	tap_comment <<<"this kernel has no flowtables"
# as the README says
command=$(sed -n "s/.*\`nft '\(insert rule inet filter input .*\)'\`.*/\1/p" "$TOP/README.md")
ok "with the rule that the README names: $command" r nft "$command"
well "a gateway with nftables"
ok "other flows" others
healthy "with other flows"
r nft flush ruleset
bypass_watch

iptables_gateway() { # PROGRAM
	r "$1" -P INPUT DROP && r "$1" -A INPUT -i lo -j ACCEPT &&
		r "$1" -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT &&
		r "$1" -A INPUT -i r0 -p udp --dport 53 -j ACCEPT &&
		r "$1" -A INPUT -p "$2" -j ACCEPT &&
		r "$1" -I INPUT -m mark --mark 0x1000000/0x1000000 -j ACCEPT &&
		r "$1" -P FORWARD DROP && r "$1" -A FORWARD -i r0 -o r1 -j ACCEPT &&
		r "$1" -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT &&
		r "$1" -t nat -A POSTROUTING -o r1 -j MASQUERADE &&
		r "$1" -t raw -A PREROUTING -i r0 -m rpfilter --invert -j DROP &&
		r "$1" -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu &&
		r "$1" -t mangle -A PREROUTING -j CONNMARK --restore-mark --nfmask 0xff00 --ctmask 0xff00 &&
		r "$1" -t mangle -A POSTROUTING -j CONNMARK --save-mark --nfmask 0xff00 --ctmask 0xff00
}
iptables_off() { # PROGRAM
	r "$1" -P INPUT ACCEPT
	r "$1" -P FORWARD ACCEPT
	for table in filter nat raw mangle; do
		r "$1" -t $table -F
	done
}
for variant in nft legacy; do
	if command -v ip6tables-$variant >/dev/null &&
		iptables_gateway iptables-$variant icmp && iptables_gateway ip6tables-$variant icmpv6; then
		well "a gateway with iptables-$variant"
	else
		tap_comment <<<"iptables-$variant lacks a match or target here"
	fi 2>/dev/null
	iptables_off iptables-$variant 2>/dev/null
	iptables_off ip6tables-$variant 2>/dev/null
done

# ---- rules of others ----

several_uplinks() {
	for family in -4 -6; do
		r ip "$family" rule add pref 1000 fwmark 0x100/0xff00 lookup 100
		r ip "$family" rule add pref 1001 fwmark 0x200/0xff00 lookup 101
		r ip "$family" rule add pref 32000 lookup main suppress_prefixlength 0
	done
	r ip rule add pref 1100 from 10.77.1.0/24 lookup 102
	r ip route add default via "$SERVER4" table 100
	r ip route add default via "$SERVER4" table 102
	r nft 'add table inet wan; add chain inet wan pre { type filter hook prerouting priority mangle; };
		add rule inet wan pre ct mark and 0xff00 != 0 meta mark set meta mark or 0x100;
		add rule inet wan pre iifname r0 meta mark and 0xff00 == 0 meta mark set meta mark or 0x200'
}
ok "several uplinks" several_uplinks
well "several uplinks"
r nft delete table inet wan
for family in -4 -6; do
	for pref in 1000 1001 1100 32000; do
		r ip "$family" rule del pref $pref 2>/dev/null
	done
done
loader -q detach --all
relay_stop

# ---- a policy file ----

cat >"$WORK/tproxy.conf" <<-END
	[loader]
	interfaces = r0
	[rule printers]
	to = 10.77.9.0/24
	ports = 9100
	action = pass
	[rule telnet]
	ports = 23
	action = drop
	[rule mail]
	ports = 25
	action = reset
	[rule seen]
	ports = 7007
	action = audit
	[rule web]
	ports = 80, udp/53
	proxy = relay
	on-proxy-down = pass
	[relay]
	listen = 15002
	source = client-ip
	log-begin = yes
END
ok "a relay with the addresses of clients" relay_start --config "$WORK/tproxy.conf"
do_ok "apply" loader apply "$WORK/tproxy.conf"
do_ok "the side of the servers" loader attach r1 --divert-only
well "a policy file" recorded "$SERVER4"
ok "IPv6, too" recorded "$SERVER6"
"$LOADER" -n "$ROUTER" watch >"$WORK/log/watch" 2>&1 </dev/null &
watch=$!
disown $watch
ok "watch runs" wait_for 10 grep -q watching "$WORK/log/watch"
healthy "beside watch"
stop $watch
ok "a second relay takes over" relay_start --config "$WORK/tproxy.conf"
well "after a take-over" recorded "$SERVER4"
loader -q detach --all
relay_stop

cat >"$WORK/audit.conf" <<-END
	[loader]
	interfaces = r0
	[rule web]
	ports = 80, udp/53
	action = audit
END
do_ok "a policy that only audits" loader apply "$WORK/audit.conf"
straight() { direct "$SERVER4" && direct "$SERVER6"; }
ok "flows go straight" straight
healthy "a policy that only audits"
loader -q detach --all

# ---- other proxies ----

do_ok "attach" loader attach r0 --ports 80 --proxy 3129
ok "haproxy starts" serve_haproxy "" 127.0.0.1 ::1
well "haproxy" steering "$SERVER4" "$SERVER6"
stop "${SERVE_PIDS[-1]}"
if command -v squid >/dev/null && serve_squid 127.0.0.1:3129 "[::1]:3129"; then
	do_ok "attach the side of the servers" loader attach r1 --divert-only
	squid_sees() { whoami_at "$SERVER4" && whoami_at "$SERVER6" && grep -q "$SERVER4/whoami" "$WORK/squid/access"; }
	well "squid" squid_sees
else
	tap_comment <<<"squid is not installed"
fi
finish
