#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# apply --confirm-within: the old policy returns even if the end of the login session kills all
# its processes, if somebody holds the lock, or if descriptors are short at that time.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
printf '[loader]\ninterfaces = r0\n[rule web]\nports = 80\n' >"$WORK/old.conf"
printf '[rule way-out]\nports = 80\naction = pass\n' >"$WORK/new.conf"
ok "the relay starts" relay_start
do_ok "the old policy" loader apply "$WORK/old.conf"
ok "relays" steering $SERVER4

guards() { pgrep -x tproxy-guard; }
no_guard() { ! guards; }
is_old() { [[ $(seen "$SERVER4") == relay ]] && loader diff "$WORK/old.conf"; }
left() { loader -j status | json_value "o.get('confirm_within_seconds', 'none')"; }
overdue() { [[ $(left) == 0 ]]; }
nobody_in() { ! grep -q 'populated 1' "$1/cgroup.events"; }
group_of() { sed -n 's/^0:://p' "/proc/$1/cgroup"; }

# session NAME SECONDS — a shell in a control group of its own applies the new policy, and stays
session() {
	GROUP=$CGROUPS/tproxy-$1-$$
	mkdir "$GROUP" || return
	setsid bash -c "echo \$\$ >'$GROUP/cgroup.procs'
		'$LOADER' -n '$ROUTER' apply '$WORK/new.conf' --confirm-within ${2}s --learn 0
		touch '$WORK/applied.$1'; exec sleep 100" >"$WORK/log/session-$1" 2>&1 </dev/null &
	SESSION=$!
	disown "$SESSION"
	wait_for 30 test -e "$WORK/applied.$1"
}
# logout — as the end of a session does it: ask, and kill
logout() {
	xargs -a "$GROUP/cgroup.procs" kill -TERM
	echo 1 >"$GROUP/cgroup.kill"
	wait_for 10 nobody_in "$GROUP" && rmdir "$GROUP"
}
# survives NAME SECONDS ROOT-OR-SCOPE
survives() {
	ok "$1: it is applied" session "$1" "$2"
	is "$1: and live" "$(seen $SERVER4)" direct
	like "$1: the process that waits is elsewhere" "$(group_of "$(guards)")" "$3"
	ok "$1: the session is killed" logout
	ok "$1: its shell is gone" wait_for 10 process_gone "$SESSION"
	like "$1: the process that waits is not" "$(guards)" '^[0-9]+$'
	ok "$1: the old policy comes back" wait_for 30 is_old
	ok "$1: no process waits any more" wait_for 10 no_guard
}
# systemd HOW — there is one, and it answers like that
systemd() {
	rm -f "$WORK/bus"
	serve_run "bus-$1" "$ROUTER" python3 "$LIB/scopes.py" "$WORK/bus" "$CGROUPS" "$1"
	wait_for 10 grep -q there "$WORK/log/bus-$1"
}

CGROUPS=/sys/fs/cgroup
if mount -t cgroup2 none $CGROUPS && [[ -e $CGROUPS/cgroup.procs ]]; then
	survives no-systemd 5 '^/$'
	if ldd "$LOADER" | grep -q libsystemd; then
		mkdir -p /run/systemd/system
		export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$WORK/bus
		ok "systemd runs" systemd move
		survives systemd 5 '^/system\.slice/tproxy-guard-[0-9]+-[0-9]+\.scope$'
		like "it was asked once" "$(grep -v there "$WORK/log/bus-move")" '^tproxy-guard-[0-9]+-[0-9]+\.scope$'
		find $CGROUPS/system.slice -name 'tproxy-guard-*' -type d -exec rmdir {} +
		rmdir $CGROUPS/system.slice 2>/dev/null
		ok "systemd refuses" systemd refuse
		survives systemd-refuses 5 '^/$'
		ok "systemd hangs" systemd hang
		survives systemd-hangs 10 '^/$'
		unset DBUS_SYSTEM_BUS_ADDRESS
		survives no-bus 5 '^/$'
		rm -r /run/systemd
	fi

	# where the group cannot be left
	GROUP=$CGROUPS/tproxy-stuck-$$
	mkdir "$GROUP"
	caged() { bash -c 'echo $$ >"$1/cgroup.procs"; mount -t tmpfs none /sys/fs/cgroup; shift; exec "$@"' - "$GROUP" "$@"; }
	do_ok "in a group that cannot be left it is applied" caged "$LOADER" -n "$ROUTER" -q apply "$WORK/new.conf" \
		--confirm-within 3s --learn 0
	like "with a warning" "$ERR" 'cannot leave its control group.*logout.*watch or any later command restores the policy'
	umount /sys/fs/cgroup
	is "it stayed there" "$(group_of "$(guards)")" "/${GROUP##*/}"
	ok "the old policy comes back" wait_for 30 is_old
	ok "no process waits any more" wait_for 10 no_guard
	ok "the group is empty" wait_for 10 rmdir "$GROUP"
	umount $CGROUPS
else
	tap_result 0 "control groups of version 2 # SKIP cannot be mounted"
fi

# somebody holds the lock, for longer than a command waits
hold() {
	python3 -c '
import fcntl, os, sys, time
fd = os.open("/sys/fs/bpf", os.O_RDONLY)
fcntl.flock(fd, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(300)' >"$WORK/held" &
	HOLDER=$!
	disown "$HOLDER"
	wait_for 10 grep -q held "$WORK/held"
}
do_ok "for 2 s" loader apply "$WORK/new.conf" --confirm-within 2s
ok "then another process holds the lock" hold
ok "the time is over" wait_for 20 overdue
sleep 8 # longer than any command waits for the lock
is "no process can go back" "$(seen $SERVER4)" direct
like "a process still tries to" "$(guards)" '^[0-9]+$'
kill -TSTP "$(guards)"
stop "$HOLDER" KILL
ok "with the lock free the old policy comes back" wait_for 20 is_old
ok "no process waits any more" wait_for 10 no_guard

# no descriptors
do_ok "for 2 s" loader apply "$WORK/new.conf" --confirm-within 2s
ok "then it has no descriptors left" prlimit --pid "$(guards)" --nofile=3:1024
ok "the time is over" wait_for 20 overdue
sleep 3 # a try or two
is "it cannot go back" "$(seen $SERVER4)" direct
ok "it has descriptors" prlimit --pid "$(guards)" --nofile=1024:1024
ok "the old policy comes back" wait_for 20 is_old
ok "no process waits any more" wait_for 10 no_guard
finish
