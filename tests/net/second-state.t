#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Two states in one network namespace share neither mark nor table: the second is refused before
# anything changes. The loader distinguishes leftovers of a state that is gone from a live state.
. "$(dirname "$0")/../lib/test.sh"

A=/sys/fs/bpf/state-a B=/sys/fs/bpf/state-b
unprivileged() { # ARGS… — without the right to open programs by their ids
	r setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$LOADER" "$@"
}
left_rule() { r ip "$1" rule "$2" pref "$3" iif r1 fwmark "$4" lookup "$5" proto 116; }

nothing_changed() { # DESCRIPTION FILE
	snapshot_quick >"$WORK/now"
	same_text "$1" "$2" "$WORK/now"
}

prepare nginx
snapshot_quick >"$WORK/before"
ok "a relay for the first" relay_start --pin-dir $A
do_ok "the first" loader --pin-dir $A attach r0 --ports 80
ok "its flows are relayed" steering $SERVER4 $SERVER6
snapshot_quick >"$WORK/first"

used='the state in /sys/fs/bpf/state-a uses mark 0x1000000 and table 15001 .*--mark and --table'
refuses "mark and table of the first" 1 "mark 0x1000000, table 15001: $used" \
	loader --pin-dir $B attach r1 --ports 80
refuses "the mark alone" 1 "$used" loader --pin-dir $B attach r1 --table 15002
refuses "the table alone" 1 "$used" loader --pin-dir $B attach r1 --mark 0x2000000
printf '[loader]\ninterfaces = r1\ntable = 15077\n[rule web]\nports = 81\n' >"$WORK/second.conf"
refuses "the same by a file" 1 "$used" loader --pin-dir $B apply "$WORK/second.conf"
refuses "where ids are not readable" 1 "$used" unprivileged --pin-dir $B attach r1 --ports 80
unseen() { # ARGS… — with a bpffs of its own
	r unshare --mount bash -c 'mount -t bpf -o mode=700 bpf /sys/fs/bpf && exec "$@"' - "$LOADER" "$@"
}
refuses "where the first cannot be seen" 1 \
	'a state that is pinned elsewhere uses mark 0x1000000 and table 15001' \
	unseen --pin-dir $B attach r1 --ports 80
nothing_changed "nothing has changed" "$WORK/first"

do_ok "the second, with a mark and a table of its own" loader --pin-dir $B attach r0 r1 --ports 81 \
	--mark 0x2000000 --table 15002
snapshot_quick >"$WORK/both"
do_ok "the first attached again" loader --pin-dir $A attach r0
nothing_changed "neither moves before the other" "$WORK/both"
ok "flows of the first are relayed" steering $SERVER4 $SERVER6
do_ok "detach of the second" loader --pin-dir $B detach --all
nothing_changed "leaves the first as it was" "$WORK/first"
do_ok "detach of the first" loader --pin-dir $A detach --all
nothing_changed "nothing is left" "$WORK/before"

# --- what is left of a state that is gone ---
for family in -4 -6; do
	left_rule $family add 120 0x1000000/0x1000000 15001
	gone='rule "120: from all fwmark 0x1000000/0x1000000 iif r1 lookup 15001" of a tproxy state that is gone'
	refuses "ip $family: one with the same mark" 1 "$gone.*--mark and --table.*clean" \
		loader --pin-dir $B attach r0 --table 15002
	refuses "ip $family: one with the same table" 1 "$gone.*--mark and --table.*clean" \
		loader --pin-dir $B attach r0 --mark 0x2000000
	do_ok "ip $family: one with both is taken over" loader --pin-dir $A attach r0 --ports 80
	do_ok "ip $family: detach" loader --pin-dir $A detach --all
	nothing_changed "ip $family: it is gone, too" "$WORK/before"
done

# --- the same, as an older build left it, and what only looks like that ---
r ip rule add pref 150 iif r1 fwmark 0x1000000/0x1000000 lookup 15001 proto 84
r ip route add local default dev lo table 15001 proto 84
r ip -6 route add local default dev lo table 15001 proto 84
r ip rule add pref 151 iif r1 fwmark 0x10/0x10 lookup 84 proto 84
r ip rule add pref 150 iif r1 lookup 84 proto 84
r ip route add local default dev lo table 84 proto 84
do_ok "attach over what an older build left" loader --pin-dir $A attach r1 --ports 80
is "the rule has the new number" "$(r ip rule | grep ' lookup 15001')" \
	"149:	from all fwmark 0x1000000/0x1000000 iif r1 lookup 15001 proto 116"
is "the routes have it too" "$(r ip route show table 15001)$(r ip -6 route show table 15001)" \
	"local default dev lo proto 116 scope host local default dev lo proto 116 metric 1024 pref medium"
do_ok "detach" loader --pin-dir $A detach --all
is "the others of that number are as they were" \
	"$(r ip rule | grep -c 'proto 84') $(r ip route show table 84)" "2 local default dev lo proto 84 scope host "
r ip route add local default dev lo table 15001 proto 84
r ip route add 198.51.100.0/24 dev r1 table 15002 proto 84
do_ok "attach" loader --pin-dir $A attach r0 --ports 80
do_ok "detach" loader --pin-dir $A detach --all
is "a route of an older build is removed, that of another table stays" \
	"$(r ip route show table 15001)$(r ip route show table 15002)" "198.51.100.0/24 dev r1 proto 84 scope link "
finish
