#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# On a bpffs that every user may write to, another user can neither remove nor replace anything of
# root, nor get the listeners. The loader refuses what is in the way, and names its owner and the
# remedy.
TEST_LIMIT=400
. "$(dirname "$0")/../lib/test.sh"

STAGE=${PINS}_stage
VICTIM=$WORK/victim
prepare nginx
ok "the relay starts" relay_start

as_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups -- env PATH=/usr/bin:/bin)
nobody() { "${as_nobody[@]}" "$@"; }
bpffs() { # [OPTIONS] — a new one
	umount -q /sys/fs/bpf
	mount -t bpf ${1:+-o "$1"} bpf /sys/fs/bpf
}
victim_is_whole() { is "$1: root's files are all there" "$(ls -R "$VICTIM")" "$victim"; }
# the cure, as the error names it, for a shell
cure() { sed -n 's/.*(\(remove it with \)\?\(.*\))$/\2/p' <<<"$ERR" | sed 's/ keeps others out$//'; }
cured() { eval "$(cure)"; }
attach() { loader attach r0 --ports 80; }
detached() { loader detach --all; }
locks() { find /run/tproxy -name "lock-*"; }
works() { # NAME
	do_ok "$1: attach works" attach
	ok "$1: flows are relayed" steering $SERVER4
	do_ok "$1: detach" detached
	ok "$1: nothing is left" test ! -e "$PINS" -a ! -e "$STAGE" -a -z "$(locks)"
}

mkdir -p "$VICTIM/internal" "$VICTIM/links"
touch "$VICTIM"/{a,b} "$VICTIM"/{internal,links}/{c,dst4}
chmod -R a+rX "$VICTIM"
victim=$(ls -R "$VICTIM")

# --- modes of the mount ---

bpffs
is "the kernel's default is for everybody" "$(stat -c %a /sys/fs/bpf)" 1777
works "default mode"
for mode in 700 755; do
	bpffs mode=$mode
	chmod $mode /sys/fs/bpf
	works "mode $mode"
done
chmod 777 /sys/fs/bpf
refuses "without the sticky bit: refused" 1 '/sys/fs/bpf: .*\(chmod 700 /sys/fs/bpf\)' attach
ok "the cure" cured
works "without the sticky bit, cured"
chown nobody /sys/fs/bpf
chmod 755 /sys/fs/bpf
refuses "another user's mount: refused" 1 "/sys/fs/bpf: belongs to user nobody \(uid [0-9]+\)" attach
ok "the cure" cured
works "another user's mount, cured"
hidden() { # CMD… — on the router, without its /proc
	# shellcheck disable=SC2016
	r unshare --mount bash -c 'mount -t tmpfs tmpfs /proc && exec "$@"' - "$@"
}
refuses "without /proc" 1 '/proc: is not mounted.*mount -t proc' \
	hidden "$LOADER" --pin-dir "$PINS" attach r0 --ports 80

# --- paths ---

bpffs
ln -s /sys/fs/bpf "$WORK/way"
do_ok "a symbolic link above the bpffs is root's own choice" \
	loader --pin-dir "$WORK/way/${PINS##*/}" attach r0 --ports 80
do_ok "and leads to the same state" loader status
do_ok "detach" detached
nobody ln -s /sys/fs/bpf/sub /sys/fs/bpf/way
mkdir -m 755 /sys/fs/bpf/sub
refuses "a link on the bpffs is not followed" 1 'bpf/way: is a symbolic link of user nobody' \
	loader --pin-dir /sys/fs/bpf/way/pins attach r0 --ports 80
refuses "status does not follow it either" 1 'symbolic link of user nobody' \
	loader --pin-dir /sys/fs/bpf/way/pins status
do_ok "a directory of root's on the way" loader --pin-dir /sys/fs/bpf/sub/pins attach r0 --ports 80
do_ok "detach" loader --pin-dir /sys/fs/bpf/sub/pins detach --all
chown nobody /sys/fs/bpf/sub
refuses "one of another user's" 1 'bpf/sub: belongs to user nobody' \
	loader --pin-dir /sys/fs/bpf/sub/pins attach r0 --ports 80

# --- the name is taken ---

squat_dir() { nobody mkdir "$1"; }
squat_link() { nobody ln -s "$VICTIM" "$1"; }
squat_tree() { nobody sh -c "mkdir -m 777 '$1' && ln -s '$VICTIM' '$1/internal' && mkdir '$1/links'"; }
bpffs
for trick in dir link tree; do
	for name in "$PINS" "$STAGE"; do
		what="$trick at ${name##*-}"
		squat_$trick "$name"
		refuses "$what: attach is refused" 1 "$name: .*belongs to user nobody \(uid [0-9]+\) \(.*rm -r $name; chmod 700 /sys/fs/bpf" attach
		if [[ $name == "$PINS" ]]; then
			refuses "$what: clean is refused too" 1 "belongs to user nobody" loader clean
			refuses "$what: status" 1 "belongs to user nobody" loader status
			refuses "$what: detach" 1 "belongs to user nobody" detached
		fi
		victim_is_whole "$what"
		ok "$what: the cure" cured
		works "$what, cured"
		chmod 1777 /sys/fs/bpf
	done
done

# --- a state that is there ---

for trick in dir link tree; do
	do_ok "attach" attach
	squat_$trick "$STAGE"
	do_ok "$trick at the stage: edits work" loader cidr add 10.77.2.0/24
	do_ok "$trick at the stage: attach of more works" loader attach r1 --divert-only
	do_ok "$trick at the stage: detach works" detached
	ok "$trick at the stage: nothing of ours is left" test ! -e "$PINS"
	ok "$trick at the stage: the files of the other user stay" test -e "$STAGE" -o -L "$STAGE"
	victim_is_whole "$trick at the stage"
	rm -r "$STAGE"
done
do_ok "attach" attach
is "another user can do nothing in it" "$(nobody sh -c "mv $PINS $PINS-x; mv $PINS/dst4 $PINS/x
	rm -rf $PINS; ln $PINS/socks /sys/fs/bpf/mine; mkdir $PINS/x; cat $PINS/config" 2>/dev/null; ls -I '*.debug' /sys/fs/bpf)" "${PINS##*/}"
chmod 777 "$PINS"
refuses "a pin directory that others may write to" 1 "$PINS: other users may write to it" \
	loader cidr add 10.88.0.0/24
ok "the cure" cured
do_ok "cured" loader cidr add 10.88.0.0/24

# --- the relay ---

relay_stop
chown -R nobody "$PINS"
chmod -R a+rX "$PINS"
ok "a relay starts beside pins of another user" relay_start
ok "it reports why it does not register" relay_says "not registered: $PINS: belongs to user nobody"
ok "and has not" relay_silent "registered in"
chmod -R go= "$PINS"
chown -R root "$PINS"
ok "made root's, it registers" relay_says "registered in $PINS"
is "it has reported that once" "$(grep -c 'not registered' "$RELAY_LOG")" 1
ok "flows are relayed" steering $SERVER4
do_ok "detach" detached

# --- all at once ---

"${as_nobody[@]}" python3 "$LIB/squat.py" "$PINS" "$VICTIM" >"$WORK/log/squat" 2>&1 &
squatter=$!
ok "another user takes the names in a loop" wait_for 10 grep -q squatting "$WORK/log/squat"
done_=0 refused=0 other=0
for _ in {1..30}; do
	for command in attach detached; do
		try $command
		case $RC:$ERR in
		0:* | 3:*) ((done_++)) ;;
		1:*"of user nobody"* | 1:*"to user nobody"* | 1:*"left it again"*) ((refused++)) ;;
		*) ((other++)) ;;
		esac
	done
done
stop "$squatter"
is "60 commands: $done_ done, $refused refused for him; others" $other 0
victim_is_whole "after the loop"
loader detach --all >>"$WORK/log/loop" 2>&1
chmod 700 /sys/fs/bpf
rm -rf "$PINS" "$STAGE" "${PINS}_x" "${STAGE}_x"
works "after the loop"
finish
