# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Allocations and calls of close that fail inside the relay, see tests/helpers/preload.c. Needs
# test.sh.

FAULT=$TOP/build/tests/helpers/fault
PRELOAD=$TOP/build/tests/helpers/preload.so
FAULT_PAGE=$WORK/fault
[[ -x $FAULT && -e $PRELOAD ]] || skip_inside "$FAULT is not built (make tests)"

# fault_relay PROGRAM — RELAY becomes that program, whose calls fail on demand; sanitizers write their
# reports to $WORK/sanitizer
fault_relay() {
	local program=$1

	"$FAULT" "$FAULT_PAGE" new
	mkdir -p "$WORK/sanitizer"
	chmod 777 "$WORK/sanitizer"
	chmod 755 "$WORK"
	cat >"$WORK/relay-faulty" <<-SCRIPT
		#!/bin/sh
		export ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=1:log_path=$WORK/sanitizer/report
		export UBSAN_OPTIONS=print_stacktrace=1
		LD_PRELOAD=$PRELOAD FAULT_FILE=$FAULT_PAGE exec "$program" "\$@"
	SCRIPT
	chmod +x "$WORK/relay-faulty"
	# shellcheck disable=SC2034
	RELAY=$WORK/relay-faulty
	RELAY_PROGRAM=$program
}

fault() { "$FAULT" "$FAULT_PAGE" "$@"; }

# sweep_step fresh|alloc N CMD… — runs CMD while one allocation fails; sets FAILED to how many did
sweep_step() {
	if [[ $1 == fresh ]]; then
		fault fresh
	else
		fault alloc "$2"
	fi
	"${@:3}" >/dev/null 2>&1
	read -r _ FAILED _ < <(fault off)
}

# sweep DESCRIPTION CMD… — repeats CMD, whose result does not matter, while one allocation fails: each
# place in the code once; then the first allocation, the second, and so on until CMD makes no more.
# After each the relay still serves, as the command $SERVES shows.
SERVES=whole
sweep() {
	local what=$1 n=0 order
	shift

	for order in fresh alloc; do
		for ((n = 1; n <= 60; n++)); do
			sweep_step $order $n "$@"
			# on a busy machine CMD may have ended before it reached the relay
			[[ $FAILED -gt 0 || $n -gt 1 ]] || sweep_step $order $n "$@"
			[[ $FAILED -gt 0 ]] || break
			if ! wait_for 20 "$SERVES"; then
				tap_result 1 "$what: the relay serves when allocation $n ($order) has failed"
				return 1
			fi
		done
	done
	tap_result $((n < 2 || n > 60)) "$what: served again after each of $((n - 1)) failed allocations"
}

# fault_met SITE… — an allocation has failed in each of these functions of the relay
fault_met() {
	local sites site

	sites=$(fault_sites)
	tap_comment <<<"refused memory: ${sites//$'\n'/ }"
	for site in "$@"; do
		ok "$site has met a failure" grep -qx "$site" <<<"$sites"
	done
}

# fault_configuration FILE — writes a configuration that needs many kinds of memory
fault_configuration() {
	local n

	for n in {1..40}; do
		echo "10.9.$n.0/24"
		echo "fd99:$n::/64"
	done >"$WORK/list"
	cat >"$1" <<-CONF
		[relay]
		deny = 10.8.0.0/16, @$WORK/list
		max-flows-per-source = 1000
		[pool some]
		10.77.1.101 = $SERVER4:7007
		10.77.1.102 = $SERVER4:7007
	CONF
}

# fault_sites — prints the functions of the relay in which an allocation has failed
fault_sites() { fault sites | addr2line -fi -e "$RELAY_PROGRAM" | grep -v : | sort -u; }
