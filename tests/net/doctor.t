#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# doctor finds faults of the kernel, the pins, the interfaces and the versions, and nothing where
# all is well. Its cures mend them. It explains each problem, and works without root.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=../lib/doctor.sh
. "$LIB/doctor.sh"

prepare nginx dns

# ---- nothing is attached ----

doctor_run
is "nothing is attached: exit code, no problem" "$RC $(doctor_ids | xargs)" "3 "
ok "and the answer is valid" valid_json doctor "$DOCTOR_JSON"
is "checks that need an interface are skipped" \
	"$(json_value "[c['result'] for c in o['checks'] if c['id'] == 'routing']" <"$DOCTOR_JSON")" "['skipped']"
is "an unknown interface is no other answer" "$(loader doctor nowhere >/dev/null; echo $?)" 3

fault bpffs-missing mount -t tmpfs -o mode=755 tmpfs /sys/fs/bpf
like "the answer says what the commands need in this namespace" "$(loader doctor)" \
	": -n $ROUTER.*; before others: ip netns exec $ROUTER"
ok "the cure runs: $(doctor_next bpffs-missing)" cured
doctor_run
is "and mends it" "$RC $(doctor_ids | xargs)" "3 "

# ---- healthy ----

ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 80,udp/53
ok "flows go through the relay" steering $SERVER4 $SERVER6
healthy "at first"
is "each family and protocol of the rule was probed" \
	"$(json_value "sorted((p['rule'], p['interface'], p['protocol'], p['family'], p['result']) for p in o['probes'])" <"$DOCTOR_JSON")" \
	"[('default', 'r0', 'tcp', 'ipv4', 'arrives'), ('default', 'r0', 'tcp', 'ipv6', 'arrives'), ('default', 'r0', 'udp', 'ipv4', 'arrives'), ('default', 'r0', 'udp', 'ipv6', 'arrives')]"
is "all checks ran" "$(json_value "{c['result'] for c in o['checks']}" <"$DOCTOR_JSON")" "{'ok'}"
refuses "an interface that is not attached" 3 'r1: not attached' loader doctor r1
refuses "an interface that does not exist" 3 'nosuch0: no such interface' loader doctor nosuch0
do_ok "only this interface" loader doctor r0
do_ok "text" loader doctor
like "in groups" "$(grep -v '^ ' <<<"$OUT" | xargs)" "^kernel interface .* 0 errors, 0 warnings"
like "with the probe of the rule" "$OUT" "rule default, r0, tcp4: [0-9.]+:80 arrives"
unlike "without colours" "$OUT" $'\033'
do_ok "outside UTF-8" env LC_ALL=C "$LOADER" -n "$ROUTER" doctor
unlike "there is only ASCII" "$OUT" $'[^ -~\n]'

# ---- rules and their probes ----

do_ok "a rule that another one hides" loader rule add hidden --ports 80 --to 10.77.2.0/24
do_ok "a rule for a network in which this host has the first address" \
	loader rule add network --ports 81 --to 10.77.2.0/24
do_ok "a rule of one client" loader rule add one --ports 22 --from 10.77.1.2 --before default
doctor_run
is "the hidden rule has no flow of its own" \
	"$(json_value "[p['result'] for p in o['probes'] if p['rule'] == 'hidden']" <"$DOCTOR_JSON")" "['no-own-flow']"
is "the probe of the rule for a network goes to another host" \
	"$(json_value "[(p['result'], p['dst']) for p in o['probes'] if p['rule'] == 'network']" <"$DOCTOR_JSON")" \
	"[('arrives', '10.77.2.2')]"
is "the probe of the other one comes from its client" \
	"$(json_value "[(p['result'], p['src']) for p in o['probes'] if p['rule'] == 'one']" <"$DOCTOR_JSON")" \
	"[('arrives', '10.77.1.2')]"
ok "delete them" loader rule del hidden
ok "delete them" loader rule del network
ok "delete them" loader rule del one
healthy "without them"

closed() {
	r nft 'add table inet closed; add chain inet closed in { type filter hook input priority 0; policy accept; };
		add rule inet closed in udp dport 53 drop'
}
closed
wait_for 10 doctor_finds input-filter
is "a filter for one protocol: its probes are lost, the others arrive" \
	"$(json_value "sorted((p['protocol'], p['result']) for p in o['probes'])" <"$DOCTOR_JSON")" \
	"[('tcp', 'arrives'), ('tcp', 'arrives'), ('udp', 'lost'), ('udp', 'lost')]"
r nft delete table inet closed
healthy "without the filter"

# ---- the kernel ----

DOCTOR=(setarch --uname-2.6 "$LOADER" -n "$ROUTER")
fault kernel-old true
DOCTOR=(loader)
cure true

without="-bpf,-sys_admin,-perfmon"
DOCTOR=(nsenter --net="/run/netns/$ROUTER" setpriv --bounding-set "$without" --inh-caps "$without"
	"$LOADER" --pin-dir "$PINS")
fault no-permission true
DOCTOR=(loader)
cure true

# as another user; root owns its pins
chmod 755 /run/work
DOCTOR=(nsenter --net="/run/netns/$ROUTER" setpriv --reuid 65534 --regid 65534 --clear-groups
	"$LOADER" --pin-dir "$PINS")
doctor_run
is "without root: a warning, and what can be checked" "$RC $(doctor_ids | xargs)" "4 no-permission"
is "what cannot be looked at is not called well" \
	"$(json_value "[c['result'] for c in o['checks'] if c['id'] == 'state']" <"$DOCTOR_JSON")" "['unchecked']"
DOCTOR=(loader)

strace_fails() { # CALL ERRNO [TYPE…] — doctor runs while bpf(2) fails
	DOCTOR=(strace -qq -f -o /dev/null -e trace=bpf -e "inject=bpf:error=$1:when=$2" "$LOADER" -n "$ROUTER")
}
# the first program that is loaded is the one of the check
load_at() { strace -qq -f -e trace=bpf "$LOADER" -n "$ROUTER" doctor 2>&1 >/dev/null |
	grep -E '^(\[pid +[0-9]+\] )?bpf\(' | grep -nm1 'tproxy_check' | cut -d: -f1; }
at=$(load_at)
if [[ -n $at ]]; then
	strace_fails EPERM "$at"
	fault bpf-refused true
	DOCTOR=(loader)
	cure true
	# probes of features fail one after the other until the end of that check
	strace_fails EINVAL "$((at + 2))..$((at + 3))"
	fault kernel-lacks true
	DOCTOR=(loader)
	cure true
fi

mkdir -p "$WORK/security"
echo "none integrity [confidentiality]" >"$WORK/security/lockdown"
locked_down() {
	[[ -d /sys/kernel/security ]] && mount --bind "$WORK/security" /sys/kernel/security
}
if locked_down; then
	fault lockdown true
	cure umount /sys/kernel/security
else
	tap_comment <<<"no /sys/kernel/security to put a lockdown in"
fi

# ---- pins ----

fault bpffs-open chmod 1777 /sys/fs/bpf
cure
fault pins-refused chown 65534 "$PINS"
cure chown 0 "$PINS"

abi() { # NUMBER — writes it to the config map
	local hex

	hex=$(bpftool -j map dump pinned "$PINS/config" | python3 -c '
import json, sys
print(" ".join(json.load(sys.stdin)[0]["value"]).replace("0x", ""))')
	# shellcheck disable=SC2086 # bytes
	bpftool map update pinned "$PINS/config" key 0 0 0 0 value hex "$(printf %02x "$1")" ${hex#* }
}
fault state-abi abi 99
cure abi 3
DOCTOR=("$LOADER" -n "$CLIENT" --pin-dir "$PINS")
fault other-netns true
DOCTOR=(loader)
cure true

# ---- interfaces and versions ----

fault leftovers r ip rule add pref 140 iif r1 fwmark 0x2000000/0x2000000 lookup 15077 protocol 116
cure

pair() { ip -n "$ROUTER" link add r2 type veth peer name c2 netns "$CLIENT"; }
ok "another interface" pair
do_ok "attach it" loader attach r2
fault device-gone r ip link del r2
cure

{
	loader save
	printf '[rule more]\nports = 8080\n'
} >"$WORK/more.conf"
fault confirm-pending loader apply "$WORK/more.conf" --confirm-within 600s
cure

relay_restarted() { relay_stop && relay_start; }
# a relay whose program was replaced
relay_stop
cp "$RELAY" "$WORK/relay"
installed=$RELAY
RELAY=$WORK/relay
ok "a copy of the relay runs" relay_start
healthy "with it"
replaced() { cp "$installed" "$WORK/new" && mv "$WORK/new" "$WORK/relay"; }
fault relay-outdated replaced
cure relay_restarted

# ---- explanations ----

do_ok "a list of all problems" loader doctor --explain
like "one on each line" "$OUT" "rule-missing +the routing rule is missing"
is "no line is empty" "$(grep -c '^[a-z0-9-]* *$' <<<"$OUT")" 0
do_ok "as JSON" loader --json doctor --explain
ok "it is valid" valid_json doctor-explain "$WORK/out"
do_ok "one problem" loader doctor --explain earlier-rule
like "its cause" "$OUT" "  cause +A rule that is added"
refuses "an unknown problem" 2 'no-such: no such problem' loader doctor --explain no-such
refuses "two things at once" 2 'one of them' loader doctor --fix --explain
bypass_none "no flow bypassed the relay"
finish
