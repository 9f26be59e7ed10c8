#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Any bpf() call of an apply fails, as without memory or room. The live policy is then the old one
# or, if the loader says so, the new one, never another; and the next apply works.
. "$(dirname "$0")/../lib/test.sh"

prepare
cat >"$WORK/old.conf" <<-'CONF'
	[loader]
	interfaces = r0
	[rule a]
	ports = 80
	to = 10.77.2.0/24 fd77:2::/64
	[rule b]
	interface = r1
	ports = 81
CONF
cat >"$WORK/new.conf" <<-'CONF'
	[rule c]
	ports = 80
	action = drop
	[rule a]
	ports = 80-90
	to = 10.77.0.0/16
	interface = r0
CONF
do_ok "the old policy" loader apply "$WORK/old.conf"
strace -qq -o "$WORK/calls" -e trace=bpf "$LOADER" -n "$ROUTER" -q apply "$WORK/new.conf"
calls=$(grep -c '^bpf' "$WORK/calls")
do_ok "back" loader apply "$WORK/old.conf"

bad=0 refused=0 silent=0
for n in $(seq 1 $((calls / 40 + 1)) "$calls"); do
	for error in ENOMEM ENOSPC; do
		strace -qq -o /dev/null -e trace=bpf -e inject=bpf:error=$error:when="$n" \
			"$LOADER" -n "$ROUTER" -q apply "$WORK/new.conf" >"$WORK/said" 2>&1
		rc=$?
		if [[ $rc -ne 0 ]]; then
			((refused++))
			grep -q '^tproxy-loader: ' "$WORK/said" || ((silent++))
		fi
		wanted=$WORK/old.conf
		if [[ $rc -eq 0 ]] || { grep -q 'it is live already' "$WORK/said" &&
			! grep -q 'the previous policy is back' "$WORK/said"; }; then
			wanted=$WORK/new.conf
		fi
		# opening for writing puts right what an interrupted publication left
		loader -q confirm >>"$WORK/log/after" 2>&1 || ((bad++))
		if ! loader -q diff "$wanted" >>"$WORK/log/after" 2>&1; then
			((bad++))
			echo "# call $n, $error: exit $rc, $(tail -n 1 "$WORK/said")"
		fi
		loader -q apply "$WORK/old.conf" >>"$WORK/log/after" 2>&1 || ((bad++))
	done
done
ok "$refused applies failed" test "$refused" -ge 20
is "each said why" $silent 0
is "the policy was whole each time and the next apply worked" $bad 0
do_ok "the old policy is live" loader diff "$WORK/old.conf"

# killed between the flip and the pins that follow it: who reads without the lock sees what is live
for n in 1 4 7; do
	{ strace -qq -o /dev/null -e trace=rename,renameat,renameat2 \
		-e "inject=rename,renameat,renameat2:signal=KILL:when=$n" \
		"$LOADER" -n "$ROUTER" -q apply "$WORK/new.conf"; } >>"$WORK/log/after" 2>&1
	is "killed at pin $n" $? 137
	do_ok "a reader sees the new policy" loader diff "$WORK/new.conf"
	do_ok "the applied file is the same, too" loader diff
	do_ok "the next apply puts the pins right" loader apply "$WORK/old.conf"
	is "for bpftool's users" "$(bpftool -j map dump pinned "$PINS/ports" | json_value "len(o)")" 2
done
do_ok "detach" loader detach --all
ok "nothing is left" test ! -e "$PINS"
finish
