#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Without root, or without a bpffs, the loader reports that and changes nothing.
. "$(dirname "$0")/../lib/test.sh"

prepare
snapshot >"$WORK/before"
cp "$LOADER" "$WORK/tproxy-loader" # where another user may read it
chmod 755 "$WORK/tproxy-loader"

nobody() {
	r setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all \
		"$WORK/tproxy-loader" "$@"
}

refuses "attach by another user" 1 '(root|CAP_|ermi)' nobody attach r0 --ports 80
refuses "attach by another user with -n" 1 '(root|CAP_|ermi)' nobody -n "$ROUTER" attach r0 --ports 80
refuses "attach without CAP_BPF" 1 '(root|CAP_|ermi)' r setpriv --bounding-set=-bpf,-sys_admin,-perfmon \
	--inh-caps=-bpf,-sys_admin,-perfmon "$WORK/tproxy-loader" attach r0 --ports 80
nobody --help >"$WORK/help" 2>&1
is "help is for everybody" $? 0
unchanged "nothing is changed" "$WORK/before"

do_ok "attach by root" loader attach r0 --ports 80
snapshot >"$WORK/attached"
try nobody --pin-dir "$PINS" detach --all
is "detach by another user fails" $RC 1
unchanged "nothing is changed by that" "$WORK/attached"
do_ok "detach by root" loader detach --all
unchanged "nothing is left" "$WORK/before"

refuses "a pin directory outside a bpffs" 1 '(bpffs|BPF file)' loader --pin-dir "$WORK/pins" attach r0 --ports 80
nok "is not created either" test -e "$WORK/pins"
mount -t tmpfs tmpfs /sys/fs/bpf
refuses "no bpffs" 1 '(bpffs|BPF file)' loader attach r0 --ports 80
is "nothing is put there" "$(ls -A /sys/fs/bpf)" ""
umount /sys/fs/bpf
unchanged "nothing is changed" "$WORK/before"
finish
