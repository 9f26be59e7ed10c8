#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Own traffic under watch: what gets lost comes back, and the source address follows the addresses of
# the host. Existing flows of the host stay as they are.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"
. "$(dirname "$0")/../lib/schema.sh"

status() { loader -j status | json_value "' '.join(str(x) for x in ($1,))"; }
healthy() {
	[[ $(status "all(o['own']['hooks'].values()), o['own']['lo'] != 'none', o['own']['routing4'], o['own']['routing6']") == "True True ok ok" ]]
}
# soon TEXT CMD… — within a second on an idle machine
soon() { ok "$1" wait_for 20 "${@:2}"; }
source_is() { [[ $(status "o['own']['source4'], o['own']['source6']") == "$1 $2" ]]; }
proxied() { # TEXT [SRC4]
	is "$1: TCP" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$(through $SERVER4 $PORT "${2:-$ROUTER4}")"
	is "$1: UDP" "$(sock udp4 "ask=$SERVER4:$PORT")" "$(through $SERVER4 $PORT "${2:-$ROUTER4}")"
	is "$1: TCP, IPv6" "$(sock tcp6 "connect=[$SERVER6]:$PORT" say)" "$(through $SERVER6 $PORT)"
}

watch_start() { # ARG…
	rm -f "$WORK/log/watch"
	"$LOADER" -n "$ROUTER" "$@" >"$WORK/log/watch.out" 2>"$WORK/log/watch" </dev/null &
	WATCH=$!
	disown "$WATCH"
	wait_for 20 grep -q watching "$WORK/log/watch"
}

prepare
own_up --ports $PORT,udp/$PORT
ok "watch runs" watch_start -j watch
repairs() { grep -c "\"what\":\"$1\",\"interface\":\"lo\"" "$WORK/log/watch.out"; }
is "nothing is to be repaired" "$(repairs '[a-z ]*')" 0

# --- what others remove ---
r ip rule del iif lo fwmark $OWN_MARK/$OWN_MARK
soon "the IPv4 rule comes back" healthy
r ip -6 rule del iif lo fwmark $OWN_MARK/$OWN_MARK
soon "the IPv6 rule comes back" healthy
r ip route flush table $OWN_TABLE
soon "the IPv4 route comes back" healthy
r ip -6 route flush table $OWN_TABLE
soon "the IPv6 route comes back" healthy
at_least() { [[ $(repairs "$1") -ge $2 ]]; }
soon "which is reported" at_least routing 4
has_tokens() { [[ $(r ip route show table local "$TOKENS4") == *"src $ROUTER4"* ]]; }
r ip route del local $TOKENS4 dev lo table local
soon "the route of tokens comes back" has_tokens
for hook in own_connect4 own_connect6 own_sendmsg4 own_sendmsg6 own_ingress own_egress own_lo; do
	rm -f "$PINS/links/$hook"
done
r tc qdisc del dev lo clsact 2>/dev/null
soon "all programs come back" healthy
soon "which is reported" at_least program 1
proxied "after the repairs"
ok "the events are valid" valid_lines watch "$WORK/log/watch.out"

# --- another rule before ours ---
r ip rule add pref 100 from all lookup main
first() { [[ $(r ip rule | sed -n '/iif lo/p;/^100:/q') == *"iif lo"* ]]; }
soon "our rule moves before one that decides" first
r ip rule del pref 100
proxied "with the rule in its new place"

# --- addresses ---
r ip addr add 10.77.2.7/24 dev r1
r ip route replace 198.41.0.0/24 via $SERVER4 src 10.77.2.7
soon "another source by the route is followed" source_is 10.77.2.7 $ROUTER6
soon "which is reported" at_least "source address" 1
proxied "from the new address" 10.77.2.7
r ip addr del 10.77.2.7/24 dev r1
r ip route replace 198.41.0.0/24 via $SERVER4
soon "the address goes: the other one again" source_is $ROUTER4 $ROUTER6
soon "with all routes" healthy
proxied "from the old address"
own_config() { # FIELD-OFFSET — a number of four bytes
	bpftool -j map dump pinned "$PINS/internal/own_config" |
		python3 -c 'import json,sys; o=int(sys.argv[1]); v=json.load(sys.stdin)[0]["value"]; print(int.from_bytes(bytes(int(b,16) for b in v[o:o+4]),"little"))' "$1"
}
out_is() { [[ "$(own_config 36) $(own_config 40)" == "$1 $1" ]]; }
ok "the device of the way out is known" out_is "$(r ip -o link show r1 | cut -d: -f1)"

# --- broadcast ---
in_local() { bpftool map lookup pinned "$PINS/internal/local" key 0 0 0 0 0 0 0 0 0 0 255 255 "$@" 2>/dev/null | grep -q value; }
r ip addr add 10.88.0.1/24 brd 10.88.0.255 dev r1
soon "a broadcast address is left alone" in_local 10 88 0 255
r ip addr del 10.88.0.1/24 dev r1
not_local() { ! in_local 10 88 0 255; }
soon "no longer" not_local

# --- no address at all, then one again ---
r ip addr flush dev r1
r ip addr flush dev r0
no_source() { [[ $(status "o['own']['routing4'], o['own']['source4']") == "no source address None" ]]; }
soon "without an address IPv4 is left out" no_source
r ip addr add $ROUTER4/24 dev r1
r ip -6 addr add $ROUTER6/64 dev r1 nodad
r ip addr add $GATE4/24 dev r0
r ip -6 addr add $GATE6/64 dev r0 nodad
own_ways 2>/dev/null
soon "with one it comes back" source_is $ROUTER4 $ROUTER6
soon "and all routes" healthy
proxied "again"

# --- the end of a cgroup, and another one of its name ---
stop "$WATCH"
do_ok "detach" loader detach --local
mkdir "$CGROUP/gone"
do_ok "attach to a cgroup" loader attach --local --cgroup "$CGROUP/gone"
ok "watch runs" watch_start watch
rmdir "$CGROUP/gone"
hooks_are() { [[ $(status "any(o['own']['hooks'].values())") == "$1" ]]; }
soon "the hooks go with the cgroup" hooks_are False
mkdir "$CGROUP/gone"
soon "and come with another one of its name" hooks_are True
nok "watch has no error" grep -qiE 'cannot|error' "$WORK/log/watch"
stop "$WATCH"
do_ok "detach --all" loader detach --all
wait_for 5 rmdir "$CGROUP/gone"

# --- a watched cgroup is made after own traffic was detached ---
printf '[loader]\nlocal = yes\nown-exclude = %s/later\n' "${CGROUP#"$CGROUPS"}" >"$WORK/w.conf"
do_ok "a cgroup is excluded before it is there" loader apply "$WORK/w.conf"
ok "watch runs" watch_start watch
do_ok "detach --local" loader detach --local
mkdir "$CGROUP/later"
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$WATCH/stat"; }
before=$(cpu_ticks)
sleep 2 # nothing happens that could be waited for
ok "watch still waits between two looks" test $(($(cpu_ticks) - before)) -lt 60
rmdir "$CGROUP/later"
stop "$WATCH"
do_ok "detach --all" loader detach --all

# --- watch with a file ---
printf '[loader]\nlocal = yes\n[rule a]\nlocal = yes\nports = %s\nproxy = %s\n' $PORT $PROXY_PORT >"$WORK/w.conf"
ok "watch with a file" watch_start watch --config "$WORK/w.conf"
is "attaches own traffic" "$(status "o['own']['cgroup'], all(o['own']['hooks'].values())")" "/ True"
do_ok "it is detached" loader detach --local
soon "and attached again" healthy
stop "$WATCH"
do_ok "detach --all" loader detach --all
finish
