#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The user that the relay becomes: tproxy; without it nobody, with a warning that says how to create
# it; and the one of --user, which must exist.
. "$(dirname "$0")/../lib/test.sh"

# users NAME… — these users exist in the sandbox, besides those of the system that are not tproxy
users() {
	local name id=60100

	umount -q /etc/passwd 2>/dev/null
	grep -v '^tproxy:' /etc/passwd >"$WORK/passwd"
	for name in "$@"; do
		id=$((id + 1))
		echo "$name:x:$id:$id::/nonexistent:/usr/sbin/nologin" >>"$WORK/passwd"
	done
	mount --bind "$WORK/passwd" /etc/passwd
}
id_of() { sed -n 's/^Uid:\s*\([0-9]*\).*/\1/p' "/proc/$RELAY_PID/status"; }

prepare
users
ok "without the user tproxy the relay starts" relay_start
is "as nobody" "$(id_of)" "$(id -u nobody)"
ok "and warns" relay_says 'warn user tproxy: does not exist: the relay becomes nobody'
command=$(sed -n 's/.*(create it: \(useradd .*tproxy\)).*/\1/p' "$RELAY_LOG")
like "with a command" "$command" '^useradd --system .* tproxy$'
relay_stop
if command -v useradd >/dev/null; then
	# the real files stay as they are
	mkdir "$WORK/root"
	cp -a /etc/passwd /etc/group /etc/shadow "$WORK/root"
	touch "$WORK/root/gshadow" "$WORK/root/subuid" "$WORK/root/subgid"
	mkdir -p "$WORK/prefix/etc"
	cp -a "$WORK/root/." "$WORK/prefix/etc"
	read -ra words <<<"$command"
	ok "which works" "${words[0]}" --prefix "$WORK/prefix" "${words[@]:1}"
	ok "and creates the user" grep -q '^tproxy:.*:/nonexistent:/usr/sbin/nologin$' "$WORK/prefix/etc/passwd"
	ok "and the group" grep -q '^tproxy:' "$WORK/prefix/etc/group"
else
	ok "useradd is not installed # SKIP" true
fi

ok "with --user the relay starts" relay_start --user nobody
ok "without a warning" relay_silent 'user tproxy'
relay_stop

users tproxy
ok "with the user tproxy the relay starts" relay_start
is "as that user" "$(id_of)" 60101
ok "without a warning" relay_silent 'user tproxy'
relay_stop

"$RELAY" -n "$ROUTER" --user nosuch >"$WORK/log/nosuch" 2>&1
is "a user of --user must exist" "$?" 1
ok "and the error says so" grep -q 'nosuch: unknown (create it' "$WORK/log/nosuch"
umount /etc/passwd
finish
