#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# doctor says why own traffic is not intercepted, and its cures help.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/schema.sh"
. "$(dirname "$0")/../lib/doctor.sh"
. "$(dirname "$0")/../lib/foreign.sh"
. "$(dirname "$0")/../lib/own.sh"

OWN_BIND=loopback # else clients could dial it
USER_ID=4711      # the rule is for its traffic only, and so not for that of the proxy

nft_add() { r nft -f -; }
nft_del() { r nft delete table "$@"; }
# the programs go with the pins of their links
link_off() { rm "$PINS/links/$1"; }
lo_off() { rm -f "$PINS/links/own_lo" "$PINS/links/1"; }
early() {
	foreign_build look <<<'SEC("xdp") int look(void *ctx) { return 2; }' &&
		bpftool prog load "$WORK/look.o" /sys/fs/bpf/look &&
		r ip link set lo xdpgeneric pinned /sys/fs/bpf/look
}
# maps without entries
own_attach_again() { own_detach && loader attach --local --cgroup "$CGROUP" && own exclude "$CGROUP/proxy"; }

prepare
own_up --ports "$PORT,udp/$PORT" --to all --uid $USER_ID
healthy "own traffic"

# ---- attached, and to whom it applies
fault own-not-attached loader detach --local
cure loader attach --local --cgroup "$CGROUP"

gone=${CGROUP#"$CGROUPS"}/gone
ok "a cgroup of a service" mkdir "$CGROUPS$gone"
own_rule "proxy = $PROXY_PORT" "ports = $PORT" "cgroup = $gone"
fault owner-gone rmdir "$CGROUPS$gone"
cure own_rule "proxy = $PROXY_PORT" "ports = $PORT udp/$PORT" "uid = $USER_ID"

# ---- hooks
fault own-hook-missing link_off own_connect4
cure
like "a removed cgroup is told apart" \
	"$(mkdir "$CGROUP/hooks"; loader attach --local --cgroup "$CGROUP/hooks" 2>&1; rmdir "$CGROUP/hooks"
	doctor_run; cat "$DOCTOR_JSON")" 'cgroup of the hooks was removed'
FAULT_ID=own-hook-missing
cure loader attach --local --cgroup "$CGROUP"
fault own-lo-missing lo_off
cure

fault own-earlier-program early
cure r ip link set lo xdpgeneric off

# ---- routing
fault own-rule-missing r ip rule del iif lo fwmark $OWN_MARK/$OWN_MARK
cure
fault own-rule-missing r ip -6 rule del iif lo fwmark $OWN_MARK/$OWN_MARK
cure
fault own-earlier-rule r ip rule add uidrange 4000-5000 lookup main
cure
r ip rule del uidrange 4000-5000 lookup main
fault own-route-missing r ip route flush table $OWN_TABLE
cure
fault own-route-missing r ip route del local $TOKENS4 dev lo table local
cure
fault own-route-missing r ip -6 route del local $TOKENS6 dev lo table local
cure
moved_source() {
	r ip -6 addr add fd77:77::1/128 dev r1 nodad &&
		r ip -6 route change local default dev lo src fd77:77::1 table "$OWN_TABLE" proto 116 &&
		r ip -6 addr del fd77:77::1/128 dev r1
}
fault own-source-gone moved_source
cure

# ---- packet filters
fault own-filtered nft_add <<-NFT
	table inet strict {
		chain in { type filter hook input priority 0; iif lo ip saddr != 127.0.0.0/8 drop; }
	}
NFT
cure
nft_del inet strict
fault own-filtered nft_add <<-NFT
	table ip strict {
		chain out { type filter hook output priority 0; oif lo ip daddr 127.128.0.0/16 drop; }
	}
NFT
cure
nft_del ip strict
fault own-filtered nft_add <<-NFT
	table ip strict {
		chain out { type filter hook output priority 0; oif lo meta l4proto { tcp, udp } th sport $PORT drop; }
	}
NFT
like "answers" "$(json_value "[p['text'] for p in o['problems'] if p['id'] == 'own-filtered']" \
	<"$DOCTOR_JSON")" answers
cure
nft_del ip strict
fault own-rewritten nft_add <<-NFT
	table ip sidecar {
		chain out { type nat hook output priority -100; tcp dport $PORT redirect to :1; }
	}
NFT
cure
nft_del ip sidecar
fault own-mark-lost nft_add <<-NFT
	table ip vpn {
		chain out { type route hook output priority mangle; meta mark set 0x1; }
	}
NFT
cure
nft_del ip vpn

# ---- proxies and tokens
for_all() { own_rule "proxy = $PROXY_PORT" "ports = $PORT" && own forget; }
fault own-loop for_all # apply has noted the proxy
cure own exclude "$CGROUP/proxy"
fault own-tokens-full own tokens fill
cure own_attach_again

own_down
finish
