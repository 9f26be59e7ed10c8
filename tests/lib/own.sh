# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The router's own traffic: a cgroup for its applications and one for its proxy, a proxy that answers
# by itself, and the programs on lo and on the cgroup. Needs test.sh.
#
#   app CMD…                 runs CMD on the router, as an application whose traffic may be proxied
#   sock NAME STEP…          the same with a socket of own.py, in one line
#   own_up ARG…              servers, proxy, `loader attach` with ARG…, and all for own traffic
#   own_rule KEY=VALUE…      another policy: one rule
#   own_down                 undoes what own_up attached
#   through DST PORT [SRC] [LEN]     what the proxy answers
#   around [SRC] [LEN]               what the server answers

# shellcheck source=tests/lib/cgroup.sh
. "$TOP/tests/lib/cgroup.sh"

OWN=$TOP/build/tests/helpers/own
[[ -x $OWN ]] || fatal "tests/helpers/own is built (make tests)"

PORT=7007        # rules concern it
OTHER=7008       # and not this one
PROXY_PORT=15100 # of the proxy
OWN_BIND=        # "loopback": the proxy is bound to it
export OWN_MARK=0x4000000
export OWN_TABLE=15002
TOKENS4=127.128.0.0/16
TOKENS6=fd74:7072:6f78:7900::/96
CGROUP=$CGROUPS/tproxy-test-${TP_SANDBOX#tp}

own() { r "$OWN" "$1" "$PINS" "${@:2}"; }

in_cgroup() { # NAME CMD…
	# shellcheck disable=SC2016
	r sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$CGROUP/$1" "${@:2}"
}
app() { in_cgroup app "$@"; }
sock() { app "${PY[@]}" "$@" 2>&1 | paste -sd' '; }
# also for other users than root, who may not enter the directories of the sources
cp "$LIB/own.py" "$WORK/own.py"
PY=("$([[ -x /usr/bin/python3 ]] && echo /usr/bin/python3 || echo python3)" "$WORK/own.py")

through() { echo "proxy $1 $2 ${3:-$(source_for "$1")} ${4:-2}"; }
around() { echo "direct ${1:-$ROUTER4} ${2:-2}"; }
source_for() { if [[ $1 == *:* ]]; then echo "$ROUTER6"; else echo "$ROUTER4"; fi; }

# ADDRESS PORT as one word
at() { echo "$(bracket "$1"):$2"; }

own_cgroups() {
	local cgroup

	mkdir -p "$CGROUPS"
	mountpoint -q "$CGROUPS" || mount -t cgroup2 none "$CGROUPS" || skip_inside "cgroup2 cannot be mounted"
	for cgroup in "$CGROUP" "$CGROUP/app" "$CGROUP/proxy" "$CGROUP/app/inner"; do
		mkdir "$cgroup"
	done
}

own_cgroups_remove() {
	cgroups_remove "$CGROUP/app/inner" "$CGROUP/app" "$CGROUP/proxy" "$CGROUP"
}
own_exit() {
	local rc=$?

	own_cgroups_remove
	(exit $rc)
	test_exit
}
trap own_exit EXIT

# own_proxy — starts it in its cgroup
own_proxy() {
	rm -f "$WORK/log/own-proxy"
	serve_run own-proxy "$ROUTER" sh -c "echo \$\$ >$CGROUP/proxy/cgroup.procs; exec python3 $LIB/own_peer.py proxy $PROXY_PORT $OWN_BIND"
	OWN_PROXY_PID=$!
	wait_for 60 grep -q ready "$WORK/log/own-proxy"
}
own_proxy_stop() { stop "$OWN_PROXY_PID" KILL; }

# The loader asks for the way to one of these, to find out the source of own traffic.
own_ways() {
	r ip route add 198.41.0.0/24 via "$SERVER4"
	r ip -6 route add 2001:503:ba3e::/48 via "$SERVER6"
}

# own_relay ARG… — tproxy-relay; the relay and its helper process are left alone
own_relay() {
	local pid

	relay_start "$@" && r pgrep -P "$RELAY_PID" >"$WORK/children"
	for pid in "$RELAY_PID" $(<"$WORK/children"); do
		echo "$pid" >"$CGROUP/proxy/cgroup.procs"
	done
}

own_server() {
	serve_run own-server "$SERVER" python3 "$LIB/own_peer.py" direct $PORT $OTHER
	wait_for 60 grep -q ready "$WORK/log/own-server"
}

# The proxies of these tests are no processes that the loader could know.
own_attach() {
	loader attach --local --cgroup "$CGROUP" && own exclude "$CGROUP/proxy"
}
own_detach() { loader detach --local; }

own_up() {
	own_ways
	own_cgroups
	own_server || fatal "the server starts"
	own_proxy || fatal "the proxy starts"
	do_ok "attach" loader attach r0 --local --cgroup "$CGROUP" --proxy $PROXY_PORT "$@"
	do_ok "attach for own traffic" own_attach
	own_watch
}
own_down() {
	do_ok "detach own traffic" own_detach
	do_ok "detach" loader detach --all
}

# own_rule KEY=VALUE… — another policy: one rule
own_rule() {
	{
		printf '[loader]\ninterfaces = r0\nlocal = yes\n[rule default]\n'
		[[ " $*" == *" local = "* ]] || echo 'local = yes'
		printf '%s\n' "$@"
	} >"$WORK/own.conf"
	loader apply "$WORK/own.conf"
}

# --- what reaches the server: flows, and tokens on the wire ---

own_watch() {
	s nft -f - <<-NFT
		table netdev own {
			counter past_flow { }
			counter past_token { }
			chain in {
				type filter hook ingress device s0 priority 0
				ip daddr { $SERVER4, $EXTRA4 } tcp dport $PORT counter name past_flow
				ip daddr { $SERVER4, $EXTRA4 } udp dport $PORT counter name past_flow
				ip6 daddr { $SERVER6, $EXTRA6 } tcp dport $PORT counter name past_flow
				ip6 daddr { $SERVER6, $EXTRA6 } udp dport $PORT counter name past_flow
				ip daddr $TOKENS4 counter name past_token
				ip6 daddr $TOKENS6 counter name past_token
				arp daddr ip $TOKENS4 counter name past_token
			}
		}
	NFT
}
own_flows() { packets s netdev own past_flow; }
own_tokens_seen() { packets s netdev own past_token; }
own_reset() { s nft reset counters table netdev own >/dev/null; }

# none_direct TEXT — no packet of the port of the rules has reached the server since own_reset
none_direct() { is "$1" "$(own_flows) $(own_tokens_seen)" "0 0"; }
