#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The model of packet filters that `doctor` asks is what real nft, iptables-nft and iptables-legacy
# wrote: conditions, effects, jumps, policies; and it says what becomes of a packet.
. "$(dirname "$0")/../lib/test.sh"

MODEL=$TOP/build/tests/helpers/firewall

prepare
r nft flush ruleset

# model CHAIN-ERE — prints the rules of the chains that match
model() {
	r "$MODEL" dump | awk -v chain="$1" '/^[^ ]/ { on = $0 ~ chain } on'
}
# modelled DESCRIPTION CHAIN-ERE — it is as on standard input
modelled() {
	sort >"$WORK/wanted" # elements of a map have no order
	model "$2" | sort >"$WORK/got"
	same_text "$1" "$WORK/wanted" "$WORK/got"
}
# fate HOOK FAMILY PROTO PORT MARK — the last lines of a walk
fate() { r "$MODEL" walk "$1" r0 "${@:2}" | tail -n 2 | paste -sd ' '; }

# --- nft ---

r nft -f - <<-'NFT'
	table inet fw {
		set bad {
			type ipv4_addr; flags interval
			elements = { 10.0.0.0/8, 192.168.1.5-192.168.1.9, 172.16.0.0/16 }
		}
		chain input {
			type filter hook input priority 0; policy drop;
			ct state vmap { established : accept, related : accept, invalid : drop }
			iif lo accept
			iifname "r*" tcp dport { 22, 80-90, 443 } accept
			ip saddr 10.1.2.0/24 udp dport 53 accept
			ip6 saddr fc00::/7 tcp dport != 25 jump sub
			ip daddr @bad drop
			meta mark & 0x1000000 == 0x1000000 accept
			meta mark 0x5 accept
			limit rate 5/second reject
		}
		chain sub {
			tcp sport > 1024 accept
			tcp flags & (syn|rst) == syn return
		}
		chain marked {
			meta mark set 0x7 ct state vmap { established : accept, new : drop }
		}
		chain pre {
			type filter hook prerouting priority mangle
			meta mark set meta mark | 0x4
			meta mark set ct mark
			meta mark set 0x1
			ct mark set meta mark
			meta mark set (meta mark & 0xff00ffff) | 0x00050000
			socket transparent 1 meta mark set meta mark | 0x1000000
			fib daddr type local accept
			meta mark != 0 return
		}
		chain forw {
			type filter hook forward priority 0
			tcp flags & syn != 0 tcp option maxseg size set 1360
			oifname "r1" tcp option maxseg size set rt mtu
			ip protocol tcp notrack
		}
		chain natpre {
			type nat hook prerouting priority dstnat
			tcp dport 80 redirect to :3128
			iifname r1 tcp dport 443 dnat ip to 10.0.0.5
		}
	}
	table netdev nd {
		chain ing {
			type filter hook ingress device r0 priority 0
			meta mark set 3
			ip protocol udp drop
		}
	}
NFT
modelled "nft: conditions, sets, verdict maps and jumps" 'inet fw (input|sub|marked)' <<'MODEL'
nft chain inet fw input: input 0 drop
  1 ctstate=00000001 drop
  1 ctstate=00000002 accept
  1 ctstate=00000004 accept
  2 iif=lo accept
  3 iif=r-r~~~~~~~~~~~~~~~ proto=06 dport=0016,0050-005a,01bb accept
  4 family=02 saddr=0a010200-0a0102ff proto=11 dport=0035 accept
  5 family=0a saddr=fc000000000000000000000000000000-fdffffffffffffffffffffffffffffff proto=06 dport!=0019 jump sub
  6 family=02 daddr=0a000000-0affffff,ac100000-ac10ffff,c0a80105-c0a80109 drop
  7 mark&01000000=01000000 accept
  8 mark=00000005 accept
  9 UNREAD reject
nft chain inet fw sub: - 0 accept
  1 proto=06 sport!=0000-0400 accept
  2 proto=06 flags&06=02 return
nft chain inet fw marked: - 0 accept
  1 mark:=(constant&0^7)keep0 UNREAD queue
MODEL
modelled "nft: marks, and other things that rules do" '(inet fw (pre|forw|natpre)|netdev)' <<'MODEL'
nft chain inet fw pre: prerouting -150 accept
  1 mark:=(mark&fffffffb^4)keep0
  2 mark:=(ctmark&ffffffff^0)keep0
  3 mark:=(constant&0^1)keep0
  4 ctmark:=(mark&ffffffff^0)keep0
  5 mark:=(mark&ff00ffff^50000)keep0
  6 transparent=01 mark:=(mark&feffffff^1000000)keep0
  7 dsttype=00000002 accept
  8 mark!=00000000 return
nft chain inet fw forw: forward 0 accept
  1 proto=06 flags&02!=00 mss:=1360
  2 oif=r1 mss:=0
  3 family=02 proto=06 notrack
nft chain inet fw natpre: prerouting -100 accept nat
  1 proto=06 dport=0050 dnat redirect accept
  2 iif=r1 proto=06 dport=01bb dnat accept
nft chain netdev nd ing: ingress 0 accept r0
  1 mark:=(constant&0^3)keep0
  2 ethertype=0800 proto=11 drop
MODEL
like "a packet that a rule accepts" "$(fate input 4 tcp 80 0)" '^dropped: never'
like "one that the policy drops, or a limit" "$(fate input 4 tcp 81 0)" '^dropped: never'
like "one with our mark is accepted, if no set has its address" "$(fate input 4 tcp 8080 0x1000000)" \
	'^dropped: some nft chain inet fw input, rule with handle'
like "marks: what is certain after all rules" "$(fate prerouting 4 tcp 81 0x1000000)" \
	'mark: 1050001/ffffffff ctmark: 1/ffffffff'
like "a chain at the device" "$(fate ingress 4 udp 53 0)" '^dropped: all nft chain netdev nd ing, rule'
like "which sees IPv4 only there" "$(fate ingress 6 udp 53 0)" '^dropped: never'
r nft flush ruleset
is "after a flush there is nothing" "$(r "$MODEL" dump)" ""

# --- iptables ---

# iptables_rules COMMAND — of each kind of match and target that is read
iptables_rules() {
	local t=$1

	r "$t" -t mangle -A PREROUTING -i r0 -p tcp -m multiport --dports 80,443,1000:2000 \
		-j MARK --set-xmark 1/0xff &&
		r "$t" -t mangle -A PREROUTING -p udp -m comment --comment hi -j CONNMARK --restore-mark &&
		r "$t" -t mangle -A PREROUTING -m mark ! --mark 0/0xf -j RETURN &&
		r "$t" -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1300 &&
		r "$t" -N sub &&
		r "$t" -A INPUT -i r+ -p tcp --dport 80 -g sub &&
		r "$t" -A INPUT ! -i lo -p udp --sport 53 &&
		r "$t" -A sub -m state --state NEW -j DROP &&
		r "$t" -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT &&
		r "$t" -P INPUT DROP &&
		r "$t" -A FORWARD -p tcp --dport 25 -m limit --limit 1/s -j REJECT &&
		r "$t" -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 8080 -j REDIRECT
}
# model_of — all rules, without numbers and order, in which the programs differ
model_of() {
	r "$MODEL" dump | grep '^  ' | grep -v '^  [0-9] return$' |
		sed 's/^  [0-9]* //; s/r0-r0~*/r0/; s/lo-lo~*/lo/; s/flags&06=02/syn/
			s/proto=06 \(dsttype=[0-9]*\)/\1 proto=06/' | sort
}
cat >"$WORK/wanted" <<'MODEL'
ctstate&00000006!=00000000 accept
ctstate&00000008!=00000000 drop
dsttype=00000002 proto=06 dport=1f90 dnat redirect accept
iif!=lo proto=11 sport=0035
iif=r-r~~~~~~~~~~~~~~~ proto=06 dport=0050 goto sub
iif=r0 proto=06 dport=0050,01bb,03e8-07d0 mark:=(mark&ffffff00^1)keep0
mark&0000000f!=00000000 return
proto=06 dport=0019 UNREAD reject
proto=06 syn mss:=1300
proto=11 mark:=(ctmark&ffffffff^0)keep0
MODEL
for t in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do
	ok "$t: rules" iptables_rules $t
	version=4
	[[ $t != ip6* ]] || version=6
	model_of >"$WORK/got"
	same_text "$t: the model" "$WORK/wanted" "$WORK/got"
	like "$t: a packet that the called chain drops" "$(fate input $version tcp 80 0)" \
		'^dropped: all .* sub'
	like "$t: one that the policy drops" "$(fate input $version tcp 81 0)" '^dropped: all .*INPUT'
	like "$t: the restored mark" "$(fate prerouting $version udp 53 0x1000000)" 'mark: 0/ffffffff'
	r nft flush ruleset
	for family in iptables ip6tables; do
		for table in filter mangle nat; do
			r $family-legacy -t $table -F
			r $family-legacy -t $table -X
		done
		r $family-legacy -P INPUT ACCEPT
	done
done
rules=$(r nft list ruleset)
r "$MODEL" dump >/dev/null
is "reading changes nothing" "$(r nft list ruleset)" "$rules"

# --- bounds ---

{
	echo "table ip many {"
	echo "set large { type ipv4_addr; elements = { $(seq -f '10.9.%g.1' -s, 0 255), $(for i in {1..40}; do
		seq -f "10.$i.%g.1" -s, 0 200
	done | paste -sd,) }; }"
	echo "chain c { type filter hook input priority 0;"
	for i in {1..3000}; do
		echo "tcp dport $i accept"
	done
	echo "ip saddr @large drop"
	echo "jump j0"
	echo "}"
	# each of these chains jumps to the next one twice, on 2^13 ways
	for i in {0..12}; do
		printf 'chain j%d { counter jump j%d\ncounter jump j%d\n}\n' "$i" $((i + 1)) $((i + 1))
	done
	printf 'chain j13 {\n}\n}\n'
} >"$WORK/many"
if r nft -f "$WORK/many" 2>"$WORK/log/many"; then
	is "thousands of rules" "$(model 'ip many c:' | grep -c '  ')" 3002
	like "a set that is too large is not guessed" "$(fate input 4 udp 9999 0)" '^dropped: some'
else
	ok "thousands of rules can be made" false
fi
finish
