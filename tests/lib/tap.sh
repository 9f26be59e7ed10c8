# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Test Anything Protocol. Counts the checks, and shows the expected and the actual value of those
# that fail. Needs a directory $WORK.

TAP_COUNT=0
TAP_FAILED=0

tap_comment() { sed 's/^/# /'; }

tap_result() { # RC DESCRIPTION
	TAP_COUNT=$((TAP_COUNT + 1))
	if [[ $1 -eq 0 ]]; then
		echo "ok $TAP_COUNT - $2"
		return 0
	fi
	TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok $TAP_COUNT - $2"
	return 1
}

# ok DESCRIPTION CMD… — CMD succeeds; its output is shown only if it fails
ok() {
	local what=$1 rc
	shift

	# without a subshell: CMD may set variables
	"$@" >"$WORK/ok.text" 2>&1
	rc=$?
	tap_result $rc "$what" && return
	printf 'exit %s from: %s\n' "$rc" "$*" | tap_comment
	tap_comment <"$WORK/ok.text"
	return 1
}

# nok DESCRIPTION CMD… — CMD fails
nok() {
	local what=$1
	shift

	if "$@" >"$WORK/ok.text" 2>&1; then
		tap_result 1 "$what"
		printf 'succeeded, but should fail: %s\n' "$*" | tap_comment
		tap_comment <"$WORK/ok.text"
		return 1
	fi
	tap_result 0 "$what"
}

# is DESCRIPTION GOT WANTED
is() {
	[[ $2 == "$3" ]]
	tap_result $? "$1" && return
	printf 'got:    %s\nwanted: %s\n' "$2" "$3" | tap_comment
	return 1
}

# like DESCRIPTION GOT ERE
like() {
	[[ $2 =~ $3 ]]
	tap_result $? "$1" && return
	printf 'got: %s\nwanted a match of: %s\n' "$2" "$3" | tap_comment
	return 1
}

# unlike DESCRIPTION GOT ERE
unlike() {
	[[ ! $2 =~ $3 ]]
	tap_result $? "$1" && return
	printf 'got: %s\nwanted no match of: %s\n' "$2" "$3" | tap_comment
	return 1
}

# at_most DESCRIPTION GOT LIMIT — decimal numbers
at_most() {
	awk -v a="$2" -v b="$3" 'BEGIN { exit !(a != "" && a + 0 <= b + 0) }'
	tap_result $? "$1" && return
	printf 'got: %s\nwanted at most: %s\n' "$2" "$3" | tap_comment
	return 1
}

# same_text DESCRIPTION FILE1 FILE2 — both are equal, otherwise a diff is shown
same_text() {
	local delta

	delta=$(diff -u "$2" "$3" 2>&1)
	tap_result $? "$1" && return
	tap_comment <<<"$delta"
	return 1
}

# skip_all REASON — for what is missing on this machine; probe before
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

tap_plan() { echo "1..$TAP_COUNT"; }
