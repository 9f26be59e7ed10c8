#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Ten ways to break what was attached without an error. Each is set up so that the client really
# gets nothing, or goes past the proxy; `status` must not call any of them ok, and name a cause.
TEST_LIMIT=600
. "$(dirname "$0")/../lib/test.sh"

# try.py ADDRESS PORT SOURCE SECONDS — five flows of each protocol at once, for so long at most: whom
# the server saw
cat >"$WORK/try.py" <<'PY'
import selectors, socket, sys, time
host, port, source, seconds = sys.argv[1:]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
names = {"10.77.2.1": "relay", "fd77:2::1": "relay", source: "direct"}
select = selectors.DefaultSelector()
seen = {"tcp": set(), "udp": set()}
udp = []
for kind, how in (("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)):
    for _ in range(5):
        sock = socket.socket(family, how)
        sock.setblocking(False)
        sock.bind((source, 0))
        sock.connect_ex((host, int(port)))
        select.register(sock, selectors.EVENT_READ, kind)
        if kind == "udp":
            udp.append(sock)
begin, sent = time.monotonic(), 0
while select.get_map() and time.monotonic() - begin < float(seconds):
    if time.monotonic() - begin >= sent * 0.6:
        sent += 1
        for sock in udp:
            try:
                sock.send(b"who")
            except OSError:
                pass
    for key, _ in select.select(0.1):
        try:
            who = key.fileobj.recv(256).decode().split()
            seen[key.data].add(names.get(who[0], "other") if who else "eof")
        except ConnectionResetError:
            seen[key.data].add("reset")
        except OSError as error:
            seen[key.data].add("error" if key.data == "tcp" else "nothing")
        select.unregister(key.fileobj)
        if key.fileobj in udp:
            udp.remove(key.fileobj)
print(" ".join(f"{kind} {'+'.join(sorted(seen[kind])) or 'nothing'}" for kind in seen))
PY
# A proxy as a first version often is: it listens, but does not set IP_TRANSPARENT.
cat >"$WORK/plain.py" <<'PY'
import selectors, socket
select = selectors.DefaultSelector()
for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    for how in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        sock = socket.socket(family, how)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, 3129))
        if how == socket.SOCK_STREAM:
            sock.listen()
        select.register(sock, selectors.EVENT_READ, how)
while True:
    for key, _ in select.select():
        if key.data == socket.SOCK_STREAM:
            key.fileobj.accept()[0].send(b"plain 0")
        else:
            _, peer = key.fileobj.recvfrom(2048)
            key.fileobj.sendto(b"plain 0", peer)
PY

declare -A TO=([4]=$SERVER4 [6]=$SERVER6)
# a source that the router has no route to
STRANGE4=10.99.0.2 STRANGE6=fd99::2

attach() { loader -q attach "$1" --hook "$HOOK" --ports 7007 --proto tcp+udp --to "$SERVER4/32,$SERVER6/128" "${@:2}"; }
attach_r0() { attach r0; }
tried() { # FAMILY SECONDS [SOURCE]
	local source=CLIENT$1

	c python3 "$WORK/try.py" "${TO[$1]}" 7007 "${3:-${!source}}" "$2"
}

# --- the ten: break_NAME FAMILY, after `attach` unless NAME attaches itself; mend_NAME ---

break_input() {
	r nft -f - <<-'NFT'
		table inet filter {
			chain input {
				type filter hook input priority 0; policy drop;
				ct state established,related accept
				iifname lo accept
				meta l4proto { icmp, ipv6-icmp } accept
			}
		}
	NFT
}
mend_input() { r nft delete table inet filter; }

break_rp_filter() {
	r sysctl -qw net.ipv4.conf.r0.rp_filter=1
	r ip route add "$CLIENT4/32" via "$SERVER4"
}
mend_rp_filter() {
	r ip route del "$CLIENT4/32" via "$SERVER4"
	r sysctl -qw net.ipv4.conf.r0.rp_filter=0
}

break_no_return_route() {
	c ip addr add "$STRANGE4/32" dev c0
	c ip addr add "$STRANGE6/128" dev c0 nodad
}
mend_no_return_route() {
	c ip addr del "$STRANGE4/32" dev c0
	c ip addr del "$STRANGE6/128" dev c0
}

# The client does not answer requests for its MAC address, and sends none.
break_no_neighbour() {
	local mac

	mac=$(r cat /sys/class/net/r0/address)
	c ip neigh replace "$GATE4" lladdr "$mac" dev c0 nud permanent
	c ip neigh replace "$GATE6" lladdr "$mac" dev c0 nud permanent
	c nft -f - <<-'NFT'
		table arp mute {
			chain input { type filter hook input priority 0; policy drop; }
		}
		table ip6 mute {
			chain input {
				type filter hook input priority 0
				icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } drop
			}
		}
	NFT
	r ip neigh flush dev r0
	r ip neigh del "$CLIENT4" dev r0 2>/dev/null
	r ip neigh del "$CLIENT6" dev r0 2>/dev/null
	true
}
mend_no_neighbour() {
	c nft delete table arp mute
	c nft delete table ip6 mute
	c ip neigh del "$GATE4" dev c0
	c ip neigh del "$GATE6" dev c0
}

attach_not_transparent() { attach r0 --proxy 3129; }
break_not_transparent() { true; }
mend_not_transparent() { true; }

break_relay_down() { relay_stop; }
mend_relay_down() { relay_start; }

attach_wrong_interface() { attach r1; }
break_wrong_interface() { true; }
mend_wrong_interface() { true; }

break_bridge_port() {
	r ip link add br0 type bridge
	r ip link set br0 up
	r ip link set r0 master br0
	r ip addr del "$GATE4/24" dev r0
	r ip addr del "$GATE6/64" dev r0
	r ip addr add "$GATE4/24" dev br0
	r ip addr add "$GATE6/64" dev br0 nodad
}
mend_bridge_port() {
	r ip link del br0
	r ip addr add "$GATE4/24" dev r0
	r ip addr add "$GATE6/64" dev r0 nodad
}

break_earlier_rule() {
	r ip route add default via "$SERVER4"
	r ip -6 route add default via "$SERVER6"
	r ip rule add pref 100 lookup main
	r ip -6 rule add pref 100 lookup main
}
mend_earlier_rule() {
	r ip rule del pref 100
	r ip -6 rule del pref 100
	r ip route del default
	r ip -6 route del default via "$SERVER6"
}

break_mark_lost() {
	r nft -f - <<-'NFT'
		table inet restore {
			chain prerouting {
				type filter hook prerouting priority -150
				meta mark set ct mark
			}
		}
	NFT
}
mend_mark_lost() { r nft delete table inet restore; }

# --- what status says ---

TABLE=()
# asked NAME FAMILY CLIENT-SAW — status as text and as JSON; sets VERDICT, IDS and CODE
asked() {
	local text_code

	loader status >"$WORK/status" 2>&1 </dev/null
	text_code=$?
	loader -j status >"$WORK/status.json" 2>>"$WORK/log/commands" </dev/null
	CODE=$?
	VERDICT=$(json_value "o.get('verdict', 'none')" <"$WORK/status.json")
	IDS=$(json_value "' '.join(sorted({p['id'] for p in o.get('problems', [])}))" <"$WORK/status.json")
	TABLE+=("$(printf '%-16s %-6s IPv%s  %-24s %-9s %s  %s' "$1" "$HOOK" "$2" "$3" "$VERDICT" "$CODE" "$IDS")")
	{ echo "\$ $1 $HOOK IPv$2: status => $text_code"; cat "$WORK/status"; } >>"$WORK/log/commands"
	is "$1, $HOOK, IPv$2: text and JSON agree" \
		"$(sed -n 's/^verdict: *\([a-z]*\).*/\1/p' "$WORK/status") $text_code" "$VERDICT $CODE"
}

# broken NAME IDS-ERE CLIENT-ERE FAMILIES [SOURCE4 SOURCE6]
broken() {
	local name=$1 ids=$2 client=$3 families=$4 attach=attach_r0 family saw label seconds=1.5
	local -A source=([4]=${5-} [6]=${6-})

	! declare -F "attach_$name" >/dev/null || attach=attach_$name
	# flows that end do not wait so long; the kernel asks three times for a MAC address, once a second
	case $name in
	wrong_interface | bridge_port) seconds=10 ;;
	no_neighbour) seconds=2.5 ;;
	esac
	for family in $families; do
		label="$name, $HOOK, IPv$family"
		try loader -q detach --all
		do_ok "$label: attach" "$attach"
		[[ $attach != attach_r0 ]] ||
			ok "$label: flows are relayed before" wait_for 10 relayed "$family"
		ok "$label: it is broken" "break_$name"
		saw=$(tried "$family" $seconds "${source[$family]}")
		like "$label: the client notices" "$saw" "$client"
		asked "$name" "$family" "$saw"
		like "$label: status does not say ok" "$VERDICT $CODE" '^(degraded 4|broken 5)$'
		like "$label: it names the cause" " $IDS " " ($ids) "
		ok "$label: it is repaired" "mend_$name"
	done
}
relayed() { [[ $(tried "$1" 5) == "tcp relay udp relay" ]]; }

prepare
serve_run greet "$SERVER" python3 "$LIB/net.py" greet 7007
serve_run plain "$ROUTER" python3 "$WORK/plain.py"
wait_for 20 listening "$SERVER" udp 7007 || fatal "the server starts"
wait_for 20 listening "$ROUTER" udp 3129 || fatal "the plain proxy starts"
ok "the relay starts" relay_start

nothing='^tcp nothing udp nothing$'
hooks=clsact
[[ $(loader -j features | json_value "o['features']['tcx']") == False ]] || hooks="tcx clsact"
for HOOK in $hooks; do
	for family in 4 6; do
		try loader -q detach --all
		do_ok "nothing broken, $HOOK, IPv$family: attach" attach_r0
		ok "nothing broken, $HOOK, IPv$family: flows are relayed" wait_for 10 relayed $family
		asked nothing $family "$(tried $family 10)"
		is "nothing broken, $HOOK, IPv$family: status says ok" "$VERDICT $CODE $IDS" "ok 0 "
	done
	broken input 'input-filter|not-delivered' "$nothing" "4 6"
	broken rp_filter 'rp-filter|not-delivered' "$nothing" 4
	broken no_return_route 'no-return-route|not-delivered' "$nothing" "4 6" $STRANGE4 $STRANGE6
	broken no_neighbour 'no-neighbour|not-delivered' "$nothing" "4 6"
	# IPv6 lets any TCP socket answer from an address that is not its host's
	broken not_transparent listener-not-transparent '^tcp (nothing|other) udp nothing$' "4 6"
	broken relay_down no-listener "$nothing" "4 6"
	broken wrong_interface wrong-interface '^tcp direct udp direct$' "4 6"
	broken bridge_port enslaved '^tcp (nothing|direct) udp (nothing|direct)$' "4 6"
	broken earlier_rule earlier-rule "$nothing" "4 6"
	broken mark_lost 'mark-lost|not-delivered' "$nothing" "4 6"
done
echo "# breakage         hook   family the client saw           status    exit, problems"
printf '# %s\n' "${TABLE[@]}"
finish
