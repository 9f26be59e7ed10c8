#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# doctor finds what packet filters of the host do to intercepted flows, names the rule, and its
# cures mend it while the filters stay. An ordinary firewall gives no error and no warning.
TEST_LIMIT=900
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=tests/lib/doctor.sh
. "$LIB/doctor.sh"

# what many routers have: drop at input, masquerade, and nothing else
ordinary() {
	r nft -f - <<-'NFT'
		table inet filter {
			chain input {
				type filter hook input priority filter; policy drop;
				ct state vmap { established : accept, related : accept, invalid : drop }
				iif lo accept
				meta l4proto { icmp, ipv6-icmp } accept
				iifname r0 meta mark & 0x1000000 != 0 accept
				iifname r0 tcp dport 22 accept
			}
			chain forward {
				type filter hook forward priority filter; policy drop;
				ct state established,related accept
				iifname r0 oifname r1 accept
				iifname r1 oifname r0 ct status dnat accept
				iifname r1 drop
			}
			chain output {
				type filter hook output priority filter
			}
		}
		table ip nat {
			chain prerouting {
				type nat hook prerouting priority dstnat
				iifname r1 tcp dport 80 dnat to 10.77.1.2
				ip daddr 10.77.2.1 tcp dport 80 dnat to 10.77.1.2
				fib daddr type local tcp dport 8443 redirect to :443
			}
			chain postrouting {
				type nat hook postrouting priority srcnat
				oifname r1 masquerade
			}
		}
		table ip mangle {
			chain forward {
				type filter hook forward priority mangle
				oifname r1 tcp flags syn tcp option maxseg size set rt mtu
			}
		}
	NFT
}
rule() { r nft "$1"; } # TEXT
pre='add table inet pre; add chain inet pre pre { type filter hook prerouting priority -150; }; add rule inet pre pre'
pre() { rule "$pre $1"; }

# relayed — new flows of both families and protocols arrive at the relay, none passes
relayed() {
	bypass_reset
	steering "$SERVER4" "$SERVER6" || return
	[[ "$(dig_at "$SERVER4" test.tproxy A) $(dig_at "$SERVER6" test.tproxy A)" == "10.77.2.200 10.77.2.200" ]]
}
# rescued FAULT… — as fault and cure for lost marks, and packets really arrive again
rescued() {
	fault "$@"
	nok "$1: flows do not reach the relay" timeout 3 curl_through
	cure
	ok "$1: flows go through the relay again" relayed
	bypass_none "$1: none passes"
	ok "$1: the rescue chain goes" r nft delete table inet tproxy_rescue
}
curl_through() { [[ $(c curl -gsS -m 1 "http://$SERVER4/whoami") == "$ROUTER4 "* ]]; }
export -f curl_through c
export CLIENT

prepare nginx dns
r ip route add default via $SERVER4
r ip -6 route add default via $SERVER6
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/53
ok "flows go through the relay" relayed
healthy "without a firewall"
ok "an ordinary firewall" ordinary
ok "lets flows in" relayed
healthy "with an ordinary firewall"

# ---- the mark ----

rescued mark-overwritten pre 'meta mark set 0x1'
like "it names the rule" "$(sed -n 's/.*nft chain inet pre pre, rule with handle.*/named/p' "$WORK/log/commands" | head -n 1)" named
rule 'delete table inet pre'
rescued mark-overwritten pre 'meta mark set ct mark'
rule 'delete table inet pre'
rescued mark-overwritten pre 'ip protocol tcp meta mark set meta mark and 0xffffff'
rule 'delete table inet pre'
for iptables in iptables-nft iptables-legacy; do
	rescued mark-overwritten r $iptables -t mangle -A PREROUTING -p tcp -j CONNMARK --restore-mark
	r $iptables -t mangle -D PREROUTING 1
	rescued mark-overwritten r $iptables -t mangle -A PREROUTING -i r0 -j MARK --set-mark 0x1
	r $iptables -t mangle -D PREROUTING 1
done
# masks, conditions and packets of others do no harm
r iptables-nft -t mangle -A PREROUTING -j CONNMARK --restore-mark --mask 0xff0000
r iptables-nft -t mangle -A PREROUTING -i r1 -j MARK --set-mark 0x1
r iptables-nft -t mangle -A PREROUTING -m connmark ! --mark 0 -j CONNMARK --restore-mark
r iptables-nft -t mangle -A PREROUTING -d 10.99.0.0/16 -m mark --mark 0 -j MARK --set-mark 0x1
pre 'meta mark set meta mark or 0x80000'
healthy "other bits, other interfaces, saved marks"
ok "and flows go through the relay" relayed
r iptables-nft -t mangle -F
rule 'delete table inet pre'

# what the model cannot know, the probe finds
rescued mark-lost pre 'meta mark set jhash ip saddr mod 2'
rule 'delete table inet pre'
if r tc qdisc add dev r0 clsact 2>/dev/null &&
	r tc filter add dev r0 ingress pref 9 matchall action skbedit mark 1 2>/dev/null; then
	rescued mark-lost true
	r tc qdisc del dev r0 clsact
fi
healthy "without them"

fault mark-collision pre 'iifname r0 tcp dport 9999 meta mark set meta mark or 0x1000000'
cure
rule 'delete table inet pre'
fault mark-collision r ip rule add pref 200 fwmark 0x1000000/0x1000000 lookup main
cure

# ---- input ----

queue=(INPUT -i r0 -p tcp --dport 80 -j NFQUEUE --queue-num 7 --queue-bypass)
do_ok "a rule that leaves packets to a program" r iptables-nft -I "${queue[@]}"
healthy "what it decides"
like "cannot be known" "$(json_value \
	"[(k['result'], k['evidence']) for k in o['checks'] if k['id'] == 'filters']" <"$DOCTOR_JSON")" \
	"unchecked.*NFQUEUE"
r iptables-nft -D "${queue[@]}"

handle=$(r nft -a list chain inet filter input | sed -n 's/.*meta mark.*# handle //p')
fault input-filter r nft delete rule inet filter input handle "$handle"
like "it names the policy" "$(json_value "o['problems'][0]['text']" <"$DOCTOR_JSON")" \
	'^the policy of nft chain inet filter input drops'
cure
ok "flows go through the relay again" relayed
fault input-filter rule 'insert rule inet filter input iifname r0 ct state new tcp dport != 22 drop'
cure
ok "flows go through the relay again" relayed
for iptables in iptables-nft iptables-legacy; do
	fault input-filter r $iptables -A INPUT -i r0 -p udp -j REJECT
	cure
	ok "$iptables: flows go through the relay again" relayed
	r $iptables -F INPUT
done
# what the model cannot know for certain
fault input-filter rule 'insert rule inet filter input iifname r0 meta l4proto { tcp, udp } meta length > 20 drop'
like "the probe proves it, and the rule is named" "$(json_value "o['problems'][0]['text']" <"$DOCTOR_JSON")" \
	'^a probe .* dropped by a packet filter .*: nft chain inet filter input, rule with handle'
cure
ok "flows go through the relay again" relayed
rule 'insert rule inet filter input iifname r0 limit rate over 1000/second drop'
healthy "a limit at input is meant so"

# ---- output ----

closed_output() {
	rule 'chain inet filter output { policy drop; }' &&
		rule 'add rule inet filter output oifname != r0 accept'
}
fault output-filter closed_output
nok "answers do not leave" curl_through
like "it names the policy" "$(json_value "o['problems'][0]['text']" <"$DOCTOR_JSON")" \
	'^the policy of nft chain inet filter output drops answers'
cure
ok "flows go through the relay again" relayed
rule 'flush chain inet filter output'
rule 'chain inet filter output { policy accept; }'
for iptables in iptables-nft iptables-legacy; do
	fault output-filter r $iptables -A OUTPUT -o r0 -p tcp --sport 80 -j DROP
	cure
	ok "$iptables: flows go through the relay again" relayed
	r $iptables -F OUTPUT
done
rule 'add rule inet filter output oifname r0 tcp sport 8081 drop'
healthy "a filter for other answers"

# ---- nat ----

fault rewritten rule 'add rule ip nat prerouting iifname r0 tcp dport { 80, 443 } redirect to :3128'
cure
fault rewritten r iptables-legacy -t nat -A PREROUTING -p udp --dport 53 -j DNAT --to 10.77.2.99
cure
fault rewritten rule 'add rule ip nat prerouting ip daddr 10.77.3.2 tcp dport 80 dnat to 10.77.2.2'
is "only some: a warning" "$RC" 4
cure
ok "flows go through the relay" relayed

# ---- TPROXY of another set-up ----

fault other-tproxy r iptables-legacy -t mangle -A PREROUTING -i r0 -p tcp --dport 80 \
	-j TPROXY --on-port 15999 --tproxy-mark 0x1/0x1
cure
ok "flows go through the relay" relayed

# ---- forward ----

fault forward-skipped rule 'insert rule inet filter forward iifname r0 tcp dport 80 ip daddr 10.77.3.0/24 drop'
cure
fault forward-skipped r iptables-legacy -A FORWARD -p udp --dport 53 -j REJECT
cure
# a rule of the policy that refuses the same before
fault forward-skipped rule 'insert rule inet filter forward iifname r0 tcp dport 80 ip daddr 10.77.3.0/24 drop'
do_ok "an earlier rule that refuses more" loader rule add refused --ports 80 --to 10.77.0.0/16 --action reset --before default
healthy "what the policy refuses is no matter"
do_ok "without it" loader rule del refused
do_ok "one that refuses another network" loader rule add refused --ports 80 --to 10.77.3.0/25 --action drop --before default
ok "is not enough" doctor_finds forward-skipped
do_ok "without it" loader rule del refused
do_ok "one of other clients" loader rule add refused --ports 80 --from 10.77.1.128/25 --action drop --before default
ok "is not enough" doctor_finds forward-skipped
do_ok "without it" loader rule del refused
do_ok "one that passes" loader rule add refused --ports 80 --to 10.77.3.0/24 --action audit --before default
ok "is not enough" doctor_finds forward-skipped
cure
do_ok "without it" loader rule del refused
do_ok "flows that are only watched" loader rule add watched --ports 8080 --to 10.77.4.0/24 --action audit --before default
rule 'insert rule inet filter forward iifname r0 tcp dport 8080 ip daddr 10.77.4.0/24 drop'
healthy "are forwarded, so that filters apply"
do_ok "without it" loader rule del watched
rule 'insert rule inet filter forward iifname r0 tcp dport 25 drop'
healthy "a filter for other flows still applies"

# ---- segments ----

fault mss-clamp rule 'add rule ip mangle forward tcp flags syn tcp option maxseg size set 1200'
cure
r nft delete table inet tproxy_mss
rule 'flush chain ip mangle forward'
fault mss-clamp r iptables-nft -t mangle -A FORWARD -o r1 -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1200
cure
r iptables-nft -t mangle -F FORWARD
r nft delete table inet tproxy_mss

# ---- connection tracking ----

if [[ -r /proc/sys/net/netfilter/nf_conntrack_count ]]; then
	full() {
		r sh -c 'cat /proc/sys/net/netfilter/nf_conntrack_max' >"$WORK/count" &&
			r mount --bind "$WORK/count" /proc/sys/net/netfilter/nf_conntrack_count
	}
	fault conntrack-full full
	like "its cure" "$(doctor_next conntrack-full)" '^sysctl -w net/netfilter/nf_conntrack_max=[0-9]+$'
	cure r umount /proc/sys/net/netfilter/nf_conntrack_count
fi

# ---- marks of connections without tracking ----

rule 'add table inet raw; add chain inet raw pre { type filter hook prerouting priority raw; }; add rule inet raw pre iifname r0 notrack'
ok "without connection tracking flows go through the relay" relayed
healthy "NOTRACK"
finish
