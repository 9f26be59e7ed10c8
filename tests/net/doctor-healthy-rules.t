#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The rule sets that others write: ufw, firewalld, OpenWrt, Docker, Kubernetes, Tailscale. With the
# rule for our mark at input, where they need it, doctor finds no error and no warning.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=../lib/doctor.sh
. "$LIB/doctor.sh"
# shellcheck source=tests/lib/ufw.sh
. "$LIB/ufw.sh"

# well NAME CMD… — CMD loads these rules: flows are relayed and doctor finds nothing
well() {
	local name=$1
	shift

	ok "$name: the rules are loaded" "$@"
	ok "$name: flows go through the relay" steering "$SERVER4" "$SERVER6"
	healthy "$name"
	r nft flush ruleset
}

# ---- firewalls --------------------------------------------------------------

ufw_start() {
	local tables

	ufw_tree ACCEPT || return
	ufw_init
	for tables in iptables ip6tables; do
		r "$tables" -S INPUT | grep -E 'ufw6?-before-input' >/dev/null || return
	done
	ufw_accept
}

# as firewalld writes them for a router with the zones internal (r0) and public (r1)
firewalld() {
	r nft -f - <<-'NFT'
		table inet firewalld {
			chain mangle_PREROUTING {
				type filter hook prerouting priority mangle + 10; policy accept
				jump mangle_PREROUTING_ZONES
			}
			chain mangle_PREROUTING_ZONES {
				iifname "r0" goto mangle_PRE_internal
				goto mangle_PRE_public
			}
			chain mangle_PRE_internal { }
			chain mangle_PRE_public { }
			chain nat_POSTROUTING {
				type nat hook postrouting priority srcnat + 10; policy accept
				oifname "r1" masquerade
			}
			chain filter_PREROUTING {
				type filter hook prerouting priority filter + 10; policy accept
				icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
				meta nfproto ipv6 fib saddr . mark . iif oif missing drop
			}
			chain filter_INPUT {
				type filter hook input priority filter + 10; policy accept
				ct state { established, related } accept
				ct status dnat accept
				iifname "lo" accept
				ct state invalid drop
				meta mark & 0x1000000 == 0x1000000 accept
				iifname "r0" goto filter_IN_internal
				meta l4proto { icmp, ipv6-icmp } accept
				reject with icmpx admin-prohibited
			}
			chain filter_IN_internal {
				tcp dport 22 ct state new,untracked accept
				ip daddr 224.0.0.251 udp dport 5353 ct state new,untracked accept
				meta l4proto { icmp, ipv6-icmp } accept
				reject with icmpx admin-prohibited
			}
			chain filter_FORWARD {
				type filter hook forward priority filter + 10; policy accept
				ct state { established, related } accept
				ct status dnat accept
				iifname "lo" accept
				ct state invalid drop
				ip6 daddr {
					::/96, ::ffff:0.0.0.0/96, 2002::/24, 2002:a00::/24, 2002:7f00::/24,
					2002:a9fe::/32, 2002:ac10::/28, 2002:c0a8::/32, 2002:e000::/19
				} reject with icmpv6 addr-unreachable
				iifname "r0" oifname "r1" accept
				reject with icmpx admin-prohibited
			}
			chain filter_OUTPUT {
				type filter hook output priority filter + 10; policy accept
				ct state { established, related } accept
				oifname "lo" accept
				ip6 daddr {
					::/96, ::ffff:0.0.0.0/96, 2002::/24, 2002:a00::/24, 2002:7f00::/24
				} reject with icmpv6 addr-unreachable
			}
		}
	NFT
}

# as fw4 of OpenWrt writes them: lan is r0, wan is r1. Its lan accepts at input.
openwrt() {
	r nft -f - <<-'NFT'
		table inet fw4 {
			chain input {
				type filter hook input priority filter; policy drop
				iif lo accept
				ct state vmap { established : accept, related : accept }
				tcp flags & (fin | syn | rst | ack) == syn jump syn_flood
				iifname r0 jump input_lan
				iifname r1 jump input_wan
				jump handle_reject
			}
			chain forward {
				type filter hook forward priority filter; policy drop
				ct state vmap { established : accept, related : accept }
				iifname r0 jump forward_lan
				iifname r1 jump forward_wan
				jump handle_reject
			}
			chain output {
				type filter hook output priority filter; policy accept
				oif lo accept
				ct state vmap { established : accept, related : accept }
				oifname r0 jump accept_to_lan
				oifname r1 jump accept_to_wan
			}
			chain prerouting {
				type filter hook prerouting priority filter; policy accept
				iifname r0 jump helper_lan
			}
			chain handle_reject {
				meta l4proto tcp reject with tcp reset
				reject
			}
			chain syn_flood {
				limit rate 25/second burst 50 packets return
				drop
			}
			chain input_lan { iifname r0 counter accept; }
			chain input_wan {
				meta nfproto ipv4 udp dport 68 counter accept
				icmpv6 type {
					echo-request, destination-unreachable, packet-too-big,
					nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert
				} limit rate 1000/second accept
				iifname r1 counter jump handle_reject
			}
			chain forward_lan {
				jump accept_to_wan
				jump accept_to_lan
			}
			chain forward_wan { oifname r1 counter jump handle_reject; }
			chain helper_lan { }
			chain accept_to_lan { oifname r0 counter accept; }
			chain accept_to_wan {
				meta nfproto ipv4 oifname r1 ct state invalid counter drop
				oifname r1 counter accept
			}
			chain srcnat {
				type nat hook postrouting priority srcnat; policy accept
				oifname r1 meta nfproto ipv4 masquerade
			}
			chain raw_prerouting { type filter hook prerouting priority raw; policy accept; }
			chain mangle_forward {
				type filter hook forward priority mangle; policy accept
				iifname r1 tcp flags syn / syn,fin,rst tcp option maxseg size set rt mtu
				oifname r1 tcp flags syn / syn,fin,rst tcp option maxseg size set rt mtu
			}
		}
	NFT
}

# ---- containers -------------------------------------------------------------

docker() {
	r iptables-nft-restore <<-'END'
		*nat
		:DOCKER - [0:0]
		-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
		-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
		-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
		-A DOCKER -i docker0 -j RETURN
		-A DOCKER ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80
		COMMIT
		*filter
		:FORWARD DROP [0:0]
		:DOCKER - [0:0]
		:DOCKER-ISOLATION-STAGE-1 - [0:0]
		:DOCKER-ISOLATION-STAGE-2 - [0:0]
		:DOCKER-USER - [0:0]
		-A FORWARD -j DOCKER-USER
		-A FORWARD -j DOCKER-ISOLATION-STAGE-1
		-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A FORWARD -o docker0 -j DOCKER
		-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
		-A FORWARD -i docker0 -o docker0 -j ACCEPT
		-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
		-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
		-A DOCKER-ISOLATION-STAGE-1 -j RETURN
		-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
		-A DOCKER-ISOLATION-STAGE-2 -j RETURN
		-A DOCKER-USER -i r0 -o r1 -j ACCEPT
		-A DOCKER-USER -j RETURN
		COMMIT
	END
}

kubernetes() {
	r iptables-nft-restore <<-'END'
		*nat
		:KUBE-MARK-MASQ - [0:0]
		:KUBE-POSTROUTING - [0:0]
		:KUBE-SERVICES - [0:0]
		:KUBE-SVC-NPX46M4PTMTKRN6Y - [0:0]
		-A PREROUTING -j KUBE-SERVICES
		-A OUTPUT -j KUBE-SERVICES
		-A POSTROUTING -j KUBE-POSTROUTING
		-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
		-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
		-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
		-A KUBE-POSTROUTING -j MASQUERADE
		-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC-NPX46M4PTMTKRN6Y
		-A KUBE-SVC-NPX46M4PTMTKRN6Y -p tcp -m tcp -j DNAT --to-destination 10.0.2.15:6443
		COMMIT
		*filter
		:KUBE-FIREWALL - [0:0]
		:KUBE-FORWARD - [0:0]
		-A INPUT -j KUBE-FIREWALL
		-A OUTPUT -j KUBE-FIREWALL
		-A FORWARD -j KUBE-FORWARD
		-A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP
		-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
		-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
		-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		COMMIT
	END
}

# ---- VPNs -------------------------------------------------------------------

tailscale() {
	local family

	r iptables-nft-restore <<-'END' || return
		*filter
		:ts-forward - [0:0]
		:ts-input - [0:0]
		-A INPUT -j ts-input
		-A FORWARD -j ts-forward
		-A ts-forward -i tailscale0 -j MARK --set-xmark 0x40000/0xff0000
		-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT
		-A ts-forward -s 100.64.0.0/10 -o tailscale0 -j DROP
		-A ts-forward -o tailscale0 -j ACCEPT
		-A ts-input -s 100.100.1.1/32 -i lo -j ACCEPT
		-A ts-input -s 100.115.92.0/23 ! -i tailscale0 -j RETURN
		-A ts-input -s 100.64.0.0/10 ! -i tailscale0 -j DROP
		-A ts-input -i tailscale0 -j ACCEPT
		-A ts-input -p udp -m udp --dport 41641 -j ACCEPT
		COMMIT
		*nat
		:ts-postrouting - [0:0]
		-A POSTROUTING -j ts-postrouting
		-A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE
		COMMIT
	END
	for family in -4 -6; do
		r ip "$family" rule add pref 5210 fwmark 0x80000/0xff0000 lookup main &&
			r ip "$family" rule add pref 5230 fwmark 0x80000/0xff0000 lookup default &&
			r ip "$family" rule add pref 5250 fwmark 0x80000/0xff0000 unreachable &&
			r ip "$family" rule add pref 5270 lookup 52 || return
	done
}

# ---- all --------------------------------------------------------------------

prepare nginx dns
r ip route add default via $SERVER4
r ip -6 route add default via $SERVER6
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/53
if [[ -x /lib/ufw/ufw-init && -d /usr/share/ufw/iptables ]]; then
	well ufw ufw_start
else
	tap_result 0 "ufw # SKIP it is not installed (scripts/deps installs it)"
fi
well firewalld firewalld
well OpenWrt openwrt
well Docker docker
well Kubernetes kubernetes
well Tailscale tailscale
finish
