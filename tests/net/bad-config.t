#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A file with errors is refused with file and line, and the live policy does not change.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"

prepare nginx
ok "the relay starts" relay_start
do_ok "a good file" loader apply "$TOP/tests/fuzz/config/good-small.conf"
do_ok "a port for the flows of this test" loader port add --rule a tcp/80
ok "flows go through the relay" steering $SERVER4
generation() { loader -j status | json_value "o['generation']"; }
is "one generation so far" "$(generation)" 1

for file in "$TOP"/tests/fuzz/config/bad-*.conf; do
	name=${file##*/}
	try loader check "$file"
	like "$name: check: exit 1, file and line" "$RC ${ERR%%$'\n'*}" "^1 tproxy-loader: .*$name:[0-9]+: .+"
	said=$ERR
	try loader apply "$file"
	is "$name: apply says the same" "$RC $ERR" "1 $said"
	like "$name: check --json" "$(loader -j check "$file" 2>/dev/null | tee -a "$WORK/checks" | json_value \
		"o['valid'], o['errors'][0]['line'], o['errors'][0]['error']")" "^\(False, [0-9]+, '.+'\)"
done
ok "the JSON is as the schema says" valid_lines check "$WORK/checks"
is "the generation is the first still" "$(generation)" 1
is "flows go where they went" "$(seen $SERVER4)" relay
try loader check "$TOP/tests/fuzz/config/bad-everything.conf"
ok "all errors of a file are reported" test "$(wc -l <<<"$ERR")" -ge 20
endless() { # a line without an end must not eat the memory of the host
	timeout 20 "$LOADER" "$@" /dev/zero >"$WORK/endless" 2>&1
	[[ $? -eq 1 ]] && grep -Eq 'longer than 1048576 bytes|File too large' "$WORK/endless"
}
for command in check import; do
	ok "$command: a line without an end" endless $command
done
for file in "$TOP"/tests/fuzz/config/good-*.conf; do
	do_ok "${file##*/} is fine" loader check "$file"
done

mkfifo "$WORK/fifo"
printf '[rule a]\nto = @fifo\n' >"$WORK/fifo.conf"
refuses "a list that is a FIFO does not hang" 1 'fifo.conf:2: @fifo: ' timeout 10 "$LOADER" check "$WORK/fifo.conf"
refuses "a file that does not exist" 1 'nosuch.conf: cannot be read' loader apply "$WORK/nosuch.conf"
refuses "a directory" 1 'cannot be read' loader apply "$WORK"
refuses "no file" 2 'which file' loader apply
refuses "two files" 2 'unexpected argument' loader apply a b
printf '[loader]\nmark = 0x2000000\n[rule a]\n' >"$WORK/mark.conf"
refuses "another mark" 1 'in use already' loader apply "$WORK/mark.conf"
printf '[loader]\ninterfaces = lo\n' >"$WORK/lo.conf"
try loader apply "$WORK/lo.conf"
is "interfaces that cannot be served are found before anything happens" "$RC $(generation)" "1 1"
# what fails after the flip takes the policy back with it
printf '[loader]\ninterfaces = r0 r1\n[rule a]\nports = 80\naction = pass\n' >"$WORK/r1.conf"
r ip route add unreachable default table 200
r ip rule add pref 0 iif r1 lookup 200 # there is no place before it
try loader apply "$WORK/r1.conf"
is "an interface that cannot be attached: exit 1" $RC 1
like "the previous policy returns" "$ERR" 'the previous policy is back'
is "and decides" "$(seen $SERVER4)" relay
do_ok "detach" loader detach --all
finish
