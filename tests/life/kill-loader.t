#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 of attach and of detach at any system call: the next command repairs the state. FULL=1
# tries every call instead of a sample.
TEST_LIMIT=$([[ -n ${FULL-} ]] && echo 3600 || echo 400)
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/strace.sh
. "$TOP/tests/lib/strace.sh"

SAMPLE=${FULL:+100000}
SAMPLE=${SAMPLE:-5}
options=(r0 --ports 80 --to "10.77.2.0/24,fd77:2::/64")
calls="bpf sendto sendmsg mkdir mkdirat rename renameat renameat2 unlink unlinkat rmdir"

prepare nginx
strace_works
ok "the relay starts" relay_start
snapshot >"$WORK/before"
snapshot_quick >"$WORK/before-quick"

clean_again() { wait_for 3 quick_equals; }
quick_equals() { [[ "$(snapshot_quick)" == "$(<"$WORK/before-quick")" ]]; }

left_clean() { # DESCRIPTION
	clean_again && tap_result 0 "$1" && return
	snapshot_quick >"$WORK/after-quick"
	same_text "$1" "$WORK/before-quick" "$WORK/after-quick"
	# so that the next case starts from nothing and fails for reasons of its own
	loader clean >>"$WORK/log/killed" 2>&1
	loader detach --all >>"$WORK/log/killed" 2>&1
}

recoveries=(attach detach clean)
turn=0

# after a kill of attach: attach, detach --all and clean in turn have to put it right
recover_attach() { # NAME
	local name=$1 how=${recoveries[$((turn++ % 3))]}

	case $how in
	attach)
		do_ok "$name: attach" loader attach "${options[@]}"
		ok "$name: then flows are relayed" steering $SERVER4 $SERVER6
		do_ok "$name: detach --all" loader detach --all
		;;
	detach) try loader detach --all
		[[ $RC -eq 0 || $RC -eq 3 ]]
		tap_result $? "$name: detach --all (exit $RC)"
		;;
	clean)
		# a complete attachment is no leftover: clean keeps it
		do_ok "$name: clean" loader clean
		quick_equals || loader detach --all >>"$WORK/log/killed" 2>&1
		;;
	esac
	left_clean "$name: nothing is left after $how"
	ok "$name: flows go straight" direct $SERVER4
}

sweep_attach() {
	local call count n

	while read -r call count <&3; do
		for n in $(points "$count" "$SAMPLE"); do
			loader_killed "$call" "$n" attach "${options[@]}" || echo "# $call $n: ended by itself"
			recover_attach "attach killed at $call $n of $count"
		done
	done 3<"$WORK/attach-calls"
}

sweep_detach() {
	local call count n

	while read -r call count <&3; do
		for n in $(points "$count" "$SAMPLE"); do
			try loader attach "${options[@]}"
			loader_killed "$call" "$n" detach --all || echo "# $call $n: ended by itself"
			if ((turn++ % 2)); then
				do_ok "detach killed at $call $n: attach" loader attach "${options[@]}"
				ok "detach killed at $call $n: then flows are relayed" steering $SERVER4
			fi
			try loader detach --all
			[[ $RC -eq 0 || $RC -eq 3 ]]
			tap_result $? "detach killed at $call $n: detach --all (exit $RC)"
			left_clean "detach killed at $call $n: nothing is left"
		done
	done 3<"$WORK/detach-calls"
}

# an attachment that works must go on working when a second attach is killed
sweep_second_attach() {
	local n count

	try loader attach "${options[@]}"
	ok "flows are relayed" steering $SERVER4 $SERVER6
	count=$(awk '$1 == "bpf" { print $2 }' "$WORK/second-calls")
	for n in $(points "${count:-1}" "$SAMPLE"); do
		loader_killed bpf "$n" attach "${options[@]}" --ports 8080
		ok "second attach killed at bpf $n: the first works" via_relay $SERVER4
		ok "second attach killed at bpf $n: IPv6 too" via_relay $SERVER6
	done
	do_ok "detach --all" loader detach --all
	left_clean "nothing is left"
}

loader_calls "$calls" attach "${options[@]}" >"$WORK/attach-calls"
loader_calls "$calls" attach "${options[@]}" --ports 8080 >"$WORK/second-calls"
loader_calls "$calls" detach --all >"$WORK/detach-calls"
{ echo "# calls of attach:"; tap_comment <"$WORK/attach-calls"; } >>"$WORK/log/counted"
left_clean "nothing is left to begin with"
like "attach makes bpf calls" "$(<"$WORK/attach-calls")" 'bpf [0-9]+'
sweep_attach
sweep_detach
sweep_second_attach
unchanged "at the end nothing is left" "$WORK/before"
finish
