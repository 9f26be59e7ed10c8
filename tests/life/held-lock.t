#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Commands that wait for the lock: how long, and what they report about the process that holds it.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
umount -q /sys/fs/bpf
mount -t bpf bpf /sys/fs/bpf
HELD=$(stat -c 'lock-%Hd:%Ld-%i' /sys/fs/bpf)-${PINS##*/}
HOLDER=

as_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups -- env PATH=/usr/bin:/bin)
attach() { loader attach r0 --ports 80; }
# Learning holds the lock for as long as its option says; each time it needs another rule for UDP.
port=9000
holder_start() { # SECONDS
	: >"$WORK/log/holder"
	((++port))
	"$LOADER" -n "$ROUTER" port add --learn "$1" "udp/$port" >"$WORK/log/holder" 2>&1 </dev/null &
	HOLDER=$!
	wait_for 10 grep -q 'learn UDP flows' "$WORK/log/holder"
}
is_held() { ! flock -n "/run/tproxy/$HELD" true; }
took() { # CMD… — seconds, in SECONDS_TAKEN
	local from=$SECONDS
	"$@"
	SECONDS_TAKEN=$((SECONDS - from))
}

# ask NAME CMD… — runs CMD in the background, for `refused`
ASKED=()
ask() {
	{ "${@:2}" </dev/null; echo "exit $?"; } >"$WORK/ask-$1" 2>&1 &
	ASKED+=($!)
}
refused() { # DESCRIPTION NAME ERE — it exits with 1 and one line about the process that holds the lock
	like "$1" "$(<"$WORK/ask-$2")" "^tproxy-loader: [^"$'\n'"]*process $HOLDER \(tproxy-loader\)$3"$'\n'"exit 1$"
	is "with one line" "$(wc -l <"$WORK/ask-$2")" 2
}

snapshot >"$WORK/before"

# --- one of ours ---

do_ok "attach" attach
is "the lock is a file for root" "$(stat -c '%a %U' /run/tproxy "/run/tproxy/$HELD")" $'700 root\n600 root'
ok "a loader holds it" holder_start 60
took refuses "another one does not wait for ever, and reports for which process" 1 \
	"$PINS: process $HOLDER \(tproxy-loader\) holds the lock since [0-9:]+ \(wait, or end it: kill $HOLDER\)" \
	loader cidr add 10.88.0.0/24
ok "but for 5 s (it took $SECONDS_TAKEN)" test $SECONDS_TAKEN -ge 4 -a $SECONDS_TAKEN -le 10
do_ok "what only reads does not wait" loader rule list
freeze "$HOLDER"
mkdir "$WORK/bind"
mount --bind /sys/fs/bpf "$WORK/bind"
# three commands wait at the same time
ask stopped loader cidr add 10.88.0.0/24
ask path loader --pin-dir "$WORK/bind/${PINS##*/}" cidr add 10.88.0.0/24
ask clean loader clean
wait "${ASKED[@]}"
umount "$WORK/bind"
refused "if it is stopped, that is reported" stopped ", stopped, .*kill -CONT $HOLDER.*"
refused "by another path too" path '.*'
refused "clean" clean '.*'
kill -KILL "$HOLDER"
wait "$HOLDER" 2>/dev/null
do_ok "killed, it holds nothing" loader cidr add 10.88.0.0/24

ok "a loader holds it" holder_start 4
do_ok "the next one gets it afterwards" loader cidr add 10.89.0.0/24
wait "$HOLDER"
is "both have done their work" $? 0

ok "a loader holds it" holder_start 3
kill -TSTP "$HOLDER"
kill -TTOU "$HOLDER"
do_ok "Ctrl-Z does not stop it before it is done" loader cidr add 10.90.0.0/24
kill -CONT "$HOLDER"
wait "$HOLDER"
is "and it is done" $? 0

# --- another network namespace ---

: >"$WORK/log/holder"
"$LOADER" -n "$SERVER" attach s0 --ports udp/9000 --learn 60 >"$WORK/log/holder" 2>&1 </dev/null &
HOLDER=$!
ok "a loader works in another network namespace" wait_for 10 grep -q 'learn UDP flows' "$WORK/log/holder"
freeze "$HOLDER"
took do_ok "stopped, it does not block this one" loader cidr add 10.90.1.0/24
ok "for more than 5 s (it took $SECONDS_TAKEN)" test $SECONDS_TAKEN -le 10
unlike "and needs no warning" "$ERR" 'holds the lock'
kill -KILL "$HOLDER"
wait "$HOLDER" 2>/dev/null
do_ok "detach there" "$LOADER" -n "$SERVER" detach --all

# --- watch ---

"$LOADER" -n "$ROUTER" watch >"$WORK/log/watch" 2>&1 </dev/null &
watch=$!
ok "watch runs" wait_for 10 grep -q watching "$WORK/log/watch"
ok "a loader holds the lock" holder_start 60
said() { [[ $(grep -c "process $HOLDER .*holds the lock" "$WORK/log/watch") -ge 1 ]]; }
ok "watch reports it" wait_for 20 said
sleep 5 # it tries again every four seconds
is "once" "$(grep -c 'holds the lock' "$WORK/log/watch")" 1
kill -KILL "$HOLDER"
wait "$HOLDER" 2>/dev/null
ip -n "$ROUTER" -4 rule del pref 150
repaired() { ip -n "$ROUTER" -4 rule | grep -q '^150:'; }
ok "then it repairs again" wait_for 20 repaired
freeze_for_watch() { holder_start 60 && freeze "$HOLDER"; }
ok "a stopped loader holds the lock" freeze_for_watch
took stop "$watch"
ok "watch ends on request (it took $SECONDS_TAKEN s)" test $SECONDS_TAKEN -le 6
kill -KILL "$HOLDER"
wait "$HOLDER" 2>/dev/null

# --- the lock of older builds, which any user can hold ---

lock_bpffs() { # CMD… — a process that holds it
	: >"$WORK/log/flock"
	"$@" python3 -c '
import fcntl, os, signal
fd = os.open("/sys/fs/bpf", os.O_RDONLY)
fcntl.flock(fd, fcntl.LOCK_EX)
print("locked", flush=True)
signal.pause()' >"$WORK/log/flock" &
	HOLDER=$!
	wait_for 10 grep -q locked "$WORK/log/flock"
}
ok "another user holds it" lock_bpffs "${as_nobody[@]}"
took do_ok "a command works" loader cidr add 10.91.0.0/24
ok "at once (it took $SECONDS_TAKEN s)" test $SECONDS_TAKEN -le 3
like "and names the process" "$ERR" "warning: $PINS: process $HOLDER \(python3\) of user nobody \(uid [0-9]+\) holds the lock"
do_ok "detach" loader detach --all
do_ok "attach" attach
stop "$HOLDER"

# the process that locked has left the descriptor to its child
"${as_nobody[@]}" python3 -c '
import fcntl, os, signal
fd = os.open("/sys/fs/bpf", os.O_RDONLY)
fcntl.flock(fd, fcntl.LOCK_EX)
if os.fork():
    os._exit(0)
print("locked", os.getpid(), flush=True)
signal.pause()' >"$WORK/log/heir"
took do_ok "a child of a process that is gone holds it: a command works" loader cidr add 10.92.0.0/24
ok "not later than after 5 s (it took $SECONDS_TAKEN)" test $SECONDS_TAKEN -le 10
like "and reports that it does not see the process" "$ERR" "cannot be seen from here"
kill "$(sed -n 's/locked //p' "$WORK/log/heir")"

ok "a process of root holds it, as an older build would" lock_bpffs env
refuses "the command waits for that one" 1 "process $HOLDER \(python3\) holds the lock" loader cidr add 10.93.0.0/24
stop "$HOLDER"
do_ok "it works when the lock is free" loader cidr add 10.93.0.0/24

# --- where /run cannot be written to ---

without_run() { # CMD… — on the router, and with a /run that is read-only
	# shellcheck disable=SC2016
	r unshare --mount bash -c 'mount -t tmpfs -o ro tmpfs /run && exec "$@"' - "$@"
}
cp "$LOADER" /dev/shm/loader.$$
LOADER_COPY=/dev/shm/loader.$$
do_ok "without a /run for the lock" without_run "$LOADER_COPY" --pin-dir "$PINS" cidr add 10.94.0.0/24
like "there is a warning" "$ERR" "warning: $PINS: cannot lock in /run/tproxy: Read-only file system"
ok "another user holds what is left" lock_bpffs "${as_nobody[@]}"
refuses "then it is refused" 1 "process $HOLDER \(python3\) of user nobody" \
	without_run "$LOADER_COPY" -q --pin-dir "$PINS" cidr add 10.95.0.0/24
stop "$HOLDER"
chmod 700 /sys/fs/bpf
do_ok "where others cannot open it" without_run "$LOADER_COPY" --pin-dir "$PINS" cidr add 10.95.0.0/24
is "there is no warning" "$(grep 'cannot lock' <<<"$ERR")" ""
rm -f "$LOADER_COPY"
chmod 1777 /sys/fs/bpf
chown nobody /run/tproxy
refuses "a /run/tproxy that is not root's" 1 "$PINS: cannot be locked: /run/tproxy .*\(rm -r /run/tproxy\)" attach
rm -r /run/tproxy
do_ok "cured" attach
do_ok "detach" loader detach --all
unchanged "nothing is left" "$WORK/before"
finish
