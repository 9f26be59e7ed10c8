#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# scripts/includes and scripts/figures report a small tree that breaks one of their rules, and
# nothing in a tree that breaks none.
set -u

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$TOP/tests/lib/tap.sh"

command -v python3 >/dev/null || skip_all "python3 is not installed (scripts/deps installs it)"
WORK=$(mktemp -d)
TREE=$WORK/tree
trap 'rm -rf "$WORK"' EXIT

# file PATH LINE… — of the tree
file() {
	local path=$TREE/$1
	shift

	mkdir -p "${path%/*}"
	printf '%s\n' "$@" >"$path"
}

# source_file PATH INCLUDE… — below user/
source_file() {
	local path=user/$1
	shift

	file "$path" "${@/#/#include }"
}

# good_tree — every layer, each with an include that is allowed
good_tree() {
	rm -rf "$TREE"
	file include/tproxy.h ''
	source_file lib/util.h '<stdint.h>'
	source_file lib/log.h
	source_file lib/log.c '"lib/log.h"' '<stdio.h>' '"lib/util.h"'
	source_file policy/policy.h '"tproxy.h"' '"lib/util.h"'
	source_file policy/config/config.c '"lib/log.h"' '"policy/policy.h"'
	source_file kernel/state/state.c '"policy/policy.h"' '"tproxy.skel.h"'
	source_file relay/config/options.h '"policy/policy.h"'
	source_file relay/loop/worker.h '"relay/config/options.h"'
	source_file relay/udp/session.c '"relay/udp/session.h"'
	source_file relay/udp/session.h '"relay/udp/engine.h"'
	source_file relay/udp/engine.h '"relay/udp/session.h"' '"relay/loop/worker.h"'
	source_file relay/main.c '"relay/udp/engine.h"'
	source_file loader/main.c '"kernel/state/state.h"' '"relay/config/options.h"'
	source_file kernel/state/state.h '"lib/log.h"'
}

# breach SCRIPT DESCRIPTION ERE — it fails, and says where
breach() {
	local text rc

	text=$("$TOP/scripts/$1" "$TREE" 2>&1)
	rc=$?
	is "$1: $2" "$rc" 1
	like "$1: $2, and where" "$text" "$3"
}

test_forms() {
	good_tree
	source_file lib/log.c '"log.h"'
	breach includes "an include without its folder" 'lib/log.c: "log.h" is not a path'
	source_file lib/log.c '"lib/gone.h"'
	breach includes "an include of a file that does not exist" 'lib/log.c: "lib/gone.h" is not'
	source_file lib/log.c '<tproxy.h>'
	breach includes "a header of ours in angle brackets" 'lib/log.c: <tproxy.h> is our own'
	source_file lib/log.c '"lib/util.h"' '"lib/log.h"'
	breach includes "the own header in second place" '"lib/log.h" comes after "lib/util.h"'
}

# layer FILE INCLUDE — FILE must not include that
layer() {
	good_tree
	source_file "$1" "\"$2\""
	breach includes "$1 that includes $2" "FAIL  lib <- policy[^F]* $1 includes $2"
}

test_layers() {
	layer lib/more.c kernel/state/state.h
	layer policy/more.c kernel/state/state.h
	layer kernel/more.c relay/config/options.h
	layer relay/more.c kernel/state/state.h
	layer loader/more.c relay/loop/worker.h
	good_tree
	source_file relay/thread.h
	source_file relay/udp/more.c '"relay/thread.h"'
	breach includes "a folder of the relay that includes what is above" \
		'FAIL  no folder of the relay.* relay/udp/more.c includes relay/thread.h'
}

test_circles() {
	good_tree
	source_file policy/policy.h '"policy/config/config.h"'
	source_file policy/config/config.h
	breach includes "a circle of two folders" \
		'FAIL  no circle of folders.* between policy, policy/config.* policy/policy.h includes'
	good_tree
	source_file lib/a.h '"lib/b.h"'
	source_file lib/b.c '"lib/c.h"'
	source_file lib/b.h
	source_file lib/c.h '"lib/a.h"'
	breach includes "a circle of three files by way of a .c" \
		'FAIL  no circle of files.* between lib/a, lib/b, lib/c'
	good_tree
	source_file relay/udp/session.h '"relay/udp/engine.h"' '"relay/loop/worker.h"'
	source_file relay/loop/worker.h '"relay/udp/session.h"'
	breach includes "a circle of files that leaves relay/udp" \
		'FAIL  no circle of files.* between relay/loop/worker, relay/udp/engine, relay/udp/session'
}

test_depth() {
	local n

	for n in {1..13}; do
		source_file "relay/net/n$n.h" "\"relay/net/n$((n + 1)).h\""
	done
	source_file relay/net/n14.h '"lib/util.h"'
	ok "includes: a chain of fourteen relay files" "$TOP/scripts/includes" "$TREE"
	source_file relay/net/n14.h '"relay/net/n15.h"'
	source_file relay/net/n15.h
	breach includes "a chain of fifteen relay files" \
		'FAIL  the longest chain of relay files, 15.* 15 files: relay/net/n1 > relay/net/n2 > '
}

test_dot() {
	local dot

	dot=$("$TOP/scripts/includes" --dot "$TREE")
	like "includes --dot: folders are clusters" "$dot" 'subgraph "cluster_relay/udp"'
	like "includes --dot: includes are edges" "$dot" '"lib/log" -> "lib/util";'
	unlike "includes --dot: x.c and x.h are one node" "$dot" '"lib/log" -> "lib/log"'
}

# lines N — so many statements
lines() { yes '	step();' | head -n "$1"; }

# function_of NAME LINES — of that length, from its first line to its last
function_of() { printf 'static int\n%s(struct x *x,\n\tint y)\n{\n%s\n}\n\n' "$1" "$(lines $(($2 - 5)))"; }

test_figures() {
	local n part short

	short=$(for n in {1..99}; do function_of "short$n" 12; done)
	rm -rf "$TREE"
	for n in {1..3}; do
		file "bpf/short$n.h" 'struct x {' '	int a;' '};' '' "$(head -n 390 <<<"$short")"
	done
	file user/long.c '/* A comment. */' "$(function_of long 40)"
	ok "figures: functions of 12 and of 40 lines" "$TOP/scripts/figures" "$TREE"
	like "figures: the longest is named" "$("$TOP/scripts/figures" --longest 1 "$TREE")" \
		'^40 lines: long, user/long.c:2'

	file user/long.c "$(function_of long 41)"
	breach figures "too many functions above 40 lines" '41 lines: long, user/long.c:1'
	file user/long.c "$(for n in {1..40}; do function_of "some$n" 13; done)"
	breach figures "a file above 400 lines" '5[0-9]+ lines: user/long.c'
	file user/long.c "$(for n in {1..40}; do function_of "some$n" 13; done)"
	for part in {1..4}; do
		file "user/some$part.c" "$(for n in {1..30}; do function_of "some$n" 13; done)"
	done
	breach figures "a median above 12 lines" 'FAIL  the median of [0-9]+ functions, 13 lines'
}

good_tree
ok "includes: a tree without a fault" "$TOP/scripts/includes" "$TREE"
like "includes: a circle in relay/udp is one link of the chain" \
	"$("$TOP/scripts/includes" "$TREE")" "relay files, 4, is at most 14"
test_forms
test_layers
test_circles
good_tree
test_dot
test_depth
test_figures
tap_plan
exit $((TAP_FAILED > 0))
