# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The state of an older build, and what must be true after its migration. Needs test.sh, soak.sh and
# abi.sh; abi_build sets the ABI.

STAGE=${PINS}_stage
POOL4=10.77.1.101

abi() { bpftool -j map dump pinned "$PINS/config" | json_value "int(o[0]['value'][0], 16)"; }
loader_json() { "$1" -n "$ROUTER" -j "${@:3}" | json_value "$2"; }
rules() { # LOADER — without their counters, and without what only one of both knows
	loader_json "$1" "[{k: v for k, v in sorted(r.items()) if k not in ('flows', 'packets', 'bytes', 'last_minute', 'unrouted', 'local', 'ports', 'interface', 'on_proxy_down')} for r in o['rules']]" rule list
}
rule_flows() { loader_json "$1" "sum(r['flows'] for r in o['rules'])" rule list; }
view() { # LOADER — what a migration must not change in status; old ones have neither `before` nor `dead`
	loader_json "$1" "([{k: v for k, v in i.items() if k != 'before'} for i in o['interfaces']], o['generation'], o['mark'], o['table'], {k: v for k, v in o['relay'].items() if k != 'dead'}, o['pools'], o['applied'], o['sk_lookup'])" status
}
steered() { loader_json "$1" "o['counters']['steered']" status; }
sockets() { stat -c %i "$PINS/socks"; }
# with the protocol number of older builds, 84, in place of that of this one
routing() {
	{ r ip -4 rule; r ip -6 rule; r ip -4 route show table 15001; r ip -6 route show table 15001; } |
		sed "s/ proto 84\b/ proto ${1:-84}/"
}
registrations() { grep -c 'registered in' "$RELAY_LOG"; }

cat >"$WORK/before.conf" <<-CONF
	[loader]
	interfaces = r0
	divert = r1
	[rule web]
	ports = 80 7007 udp/7007
CONF
cat >"$WORK/now.conf" <<-CONF
	[loader]
	interfaces = r0
	divert = r1
	[rule never]
	interface = r0 nosuch*
	from = 10.77.1.77
	action = drop
	[rule web]
	to = 10.77.0.0/16 fd77::/16
	ports = 80 7007 udp/7007
	on-proxy-down = reset
	[pool gate]
	$POOL4:8000 = $SERVER4:80
CONF

old_attach() { # HOOK — applies two policies and edits the second
	old_loader attach r0 --hook "$1" --mark 0x4000000 &&
		old_loader attach r1 --divert-only --hook "$1" &&
		old_loader apply "$WORK/before.conf" && old_loader apply "$WORK/now.conf" &&
		old_loader port add --rule web tcp/81
}

migrates() { # NAME COMMAND… — the command migrates the state and reports it
	local name=$1
	shift

	do_ok "$name" "$@"
	like "$name: it migrates" "$ERR" "\[#\] migrate $PINS from ABI $OLD_ABI to 3"
	# watch reports the edit, apply the rule for interfaces that are not attached
	unlike "$name: and warns of nothing" "$(grep -Ev "live policy is not the file|not covered by interfaces" <<<"$ERR")" warning
	is "$name: the maps are of ABI 3" "$(abi)" 3
	ok "$name: no stage is left" test ! -e "$STAGE"
}

# kept NAME COMMAND… — under load
kept() {
	local name=$1 hook was_rules was_view was_steered was_flows was_socks was_routing
	shift

	hook=${name%%:*}
	do_ok "$name: ABI $OLD_ABI is attached" old_attach "$hook"
	ok "$name: it relays flows" wait_for 10 recorded "$SERVER4"
	rm -f "$WORK/states"
	bypass_reset
	soak_state attached
	soak_load load new new new long forever udp -- "$SERVER4" "$SERVER6"
	ok "$name: load is relayed" wait_for 20 soaked_more load 1 20
	old_loader save >"$WORK/saved.conf"
	was_rules=$(rules "$OLD_LOADER") was_view=$(view "$OLD_LOADER") was_socks=$(sockets)
	was_flows=$(rule_flows "$OLD_LOADER") was_steered=$(steered "$OLD_LOADER") was_routing=$(routing 116)
	migrates "$name" "$@"
	ok "$name: load is relayed after it" wait_for 20 soaked_more load 1 $(($(soaked load 1) + 20))
	soak_stop
	soak_judge "$name: no flow failed" load
	bypass_none "$name: no packet went past the relay"
	is "$name: the rules are the same" "$(rules "$LOADER")" "$was_rules"
	is "$name: interfaces, relay, pools and applied file are the same" "$(view "$LOADER")" "$was_view"
	is "$name: routing rules and routes are the same" "$(routing)" "$was_routing"
	is "$name: the sockets are where they were" "$(sockets)" "$was_socks"
	ok "$name: counters continue" test "$(steered "$LOADER")" -gt "$was_steered"
	ok "$name: counters of rules continue" test "$(rule_flows "$LOADER")" -gt "$was_flows"
	is "$name: the relay did not notice" "$(registrations)" "$((REGISTERED + 1))"
	REGISTERED=$(registrations)
	is "$name: an address of a pool is served" "$(c curl -sS -m 8 http://$POOL4:8000/whoami | cut -d' ' -f1)" "$ROUTER4"
	do_ok "$name: rollback works" loader rollback
	is "$name: rollback restores the previous policy" "$(loader_json "$LOADER" "[r['name'] for r in o['rules']]" rule list)" "['web']"
	do_ok "$name: a second rollback works" loader rollback
	is "$name: the second rollback restores the rules" "$(rules "$LOADER")" "$was_rules"
	do_ok "$name: detach --all" loader detach --all
	unchanged "$name: leaves nothing" "$WORK/clean"
}

# migrate_prepare — starts servers and the relay of that ABI, adds an address for a pool, takes a
# snapshot, and sets HOOKS
migrate_prepare() {
	soak_serve || fatal "the server starts"
	r ip addr add $POOL4/32 dev r0
	snapshot >"$WORK/clean"
	ok "the relay of ABI $OLD_ABI starts" old_relay_start -c "$WORK/now.conf"
	HOOKS=clsact
	do_ok "attach" old_loader attach r0
	# shellcheck disable=SC2034 # for the test
	[[ $(r python3 "$LIB/net.py" attached r0) == no-hook* ]] || HOOKS="clsact tcx"
	ok "the relay registers" relay_says 'registered in'
	REGISTERED=1
	do_ok "detach" old_loader detach --all
}

# migrated_with_least_rights HOOK — by a command that cannot open maps by their ids; sets ERR
migrated_with_least_rights() {
	do_ok "ABI $OLD_ABI is attached" old_attach "$1"
	was_rules=$(rules "$OLD_LOADER")
	do_ok "attach without CAP_SYS_ADMIN" r setpriv --bounding-set=-sys_admin \
		--inh-caps=-sys_admin "$LOADER" --pin-dir "$PINS" attach r0
	like "it migrates" "$ERR" "from ABI $OLD_ABI to 3"
}

run_watch() { # ends it as soon as it watches
	"$LOADER" -n "$ROUTER" watch >"$WORK/log/watch" 2>&1 </dev/null &
	local watch=$! rc

	disown "$watch"
	wait_for 20 grep -q watching "$WORK/log/watch"
	rc=$?
	stop "$watch"
	cat "$WORK/log/watch" >&2
	return "$rc"
}

hit() { # CALL N — kills a migration there; flows continue, and the next command completes it
	strace -f -qq -o /dev/null -e trace="$1" -e "inject=$1:signal=KILL:when=$2" \
		"$LOADER" -n "$ROUTER" -q attach r0 >>"$WORK/log/killed" 2>&1
	is "killed at call $2 of $1" $? 137
	ok "flows are still relayed" recorded "$SERVER4"
	do_ok "the next attach completes it" loader attach r0
	is "the maps are of ABI 3" "$(abi)" 3
	is "the rules are there" "$(rules "$LOADER")" "$was_rules"
	ok "flows are relayed" recorded "$SERVER6"
	ok "no stage is left" test ! -e "$STAGE"
	do_ok "detach --all" loader detach --all
	snapshot_quick >"$WORK/now"
	same_text "nothing is left" "$WORK/quick" "$WORK/now"
	do_ok "ABI $OLD_ABI is attached" old_attach "$hook"
}

# killed_anywhere HOOK — kills a migration at calls of all kinds
killed_anywhere() {
	local hook=$1 points call n

	do_ok "ABI $OLD_ABI is attached" old_attach "$hook"
	was_rules=$(rules "$OLD_LOADER")
	strace -f -qq -e trace=bpf,linkat,renameat,renameat2,mkdirat,unlinkat -o "$WORK/trace" "$LOADER" -n "$ROUTER" -q attach r0
	is "traced: it is migrated" "$(abi)" 3
	do_ok "detach --all" loader detach --all
	snapshot_quick >"$WORK/quick"
	do_ok "ABI $OLD_ABI is attached" old_attach "$hook"
	# the last call that loads, each that moves a program, some that pin, the exchange, some that remove
	points=$(awk '{ call = $2; sub(/\(.*/, "", call); n[call]++ }
		/BPF_PROG_LOAD/ { loaded = n["bpf"] }
		/BPF_LINK_UPDATE/ { print "bpf", n["bpf"] }
		/BPF_OBJ_PIN/ && !(pinned++ % 3) { print "bpf", n["bpf"] }
		call == "linkat" && !(linked++ % 9) { print call, n[call] }
		call ~ /^renameat/ { print call, n[call] }
		call == "unlinkat" && !(removed++ % 9) { print call, n[call] }
		END { print "bpf", loaded }' "$WORK/trace")
	like "a migration makes such calls" "$(wc -l <<<"$points")" '^(1[0-9]|2[0-9])$'
	while read -r call n; do
		hit "$call" "$n"
	done <<<"$points"
}
