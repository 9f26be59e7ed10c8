#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Each problem that doctor can report is made by a test, which sees its id and no other error, and
# then cures it: "fault ID …" or "finds TEXT …:ID" of tests/lib/doctor.sh, and after that "cure",
# "mended" or "healthy".
set -u
cd "$(dirname "$0")/../.." || exit
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

# Those that no test can make, each with the reason.
declare -A without=(
	[not-persistent]="is a note of a check and no problem"
	[jit-off]="needs a kernel whose JIT can be turned off"
	[hardware-offload]="needs a network card that forwards by itself"
)

# made_and_cured — prints "made ID" for each fault of the tests, and "cured ID"
made_and_cured() {
	awk '
		function add(id) {
			print "made", id
			pending[id]
		}
		FNR == 1 || /^[ \t]*(fault|rescued) / { delete pending }
		/^[ \t]*#/ { next }
		/^[ \t]*(fault|rescued) [a-z]/ { add($2) }
		/^[ \t]*rescued [a-z]/ { print "cured", $2 } # it cures, too
		/^[ \t]*finds / {
			line = $0
			while (match(line, /(broken|degraded):[a-z0-9-]+/)) {
				id = substr(line, RSTART, RLENGTH)
				line = substr(line, RSTART + RLENGTH)
				sub(/.*:/, "", id)
				add(id)
			}
		}
		/^[ \t]*(cure|mended|healthy|fixed)( |$)|" cured$/ {
			for (id in pending)
				print "cured", id
		}
	' tests/net/*.t | sort -u
}

all=$(sed -n 's/.*{ \.id = "\([a-z0-9-]*\)".*/\1/p' user/loader/check/kinds/*.c | sort)
excepted=$(printf '%s\n' "${!without[@]}" | sort)
seen=$(made_and_cured)
made=$(sed -n 's/^made //p' <<<"$seen")
cured=$(sed -n 's/^cured //p' <<<"$seen")

[[ $(wc -l <<<"$all") -ge 80 ]]
tap_result $? "the tables of ids are read"

missing=$(comm -23 <(comm -23 <(echo "$all") <(echo "$made")) <(echo "$excepted"))
is "a test makes each fault" "$missing" ""

missing=$(comm -23 <(comm -12 <(echo "$all") <(echo "$made")) <(echo "$cured"))
is "and cures it" "$missing" ""

unknown=$(comm -13 <(echo "$all") <(echo "$made"))
is "no test makes a fault that doctor does not know" "$unknown" ""

idle=$(comm -12 <(echo "$excepted") <(echo "$made"); comm -13 <(echo "$all") <(echo "$excepted"))
is "no exception is idle" "$idle" ""
tap_plan
exit $((TAP_FAILED > 0))
