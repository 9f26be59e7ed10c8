#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Each problem that doctor can report is made by a test, which sees its id and no other error, and
# then cures it: "fault ID …" or "finds TEXT …:ID" of tests/lib/doctor.sh, and after that "cure",
# "mended" or "healthy".
set -u
cd "$(dirname "$0")/../.." || exit

# Those that no test can make, each with the reason.
declare -A without=(
	[not-persistent]="is a note of a check and no problem"
	[jit-off]="needs a kernel whose JIT can be turned off"
	[hardware-offload]="needs a network card that forwards by itself"
)

n=0 failed=0
result() { # STATUS TEXT
	n=$((n + 1))
	[[ $1 -eq 0 ]] || { failed=1; printf 'not '; }
	echo "ok $n - $2"
}
show() { [[ -z $1 ]] || awk '{ print "# " $0 }' <<<"$1"; }

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
result $? "the tables of ids are read"

missing=$(comm -23 <(comm -23 <(echo "$all") <(echo "$made")) <(echo "$excepted"))
[[ -z $missing ]]
result $? "a test makes each fault"
show "$missing"

missing=$(comm -23 <(comm -12 <(echo "$all") <(echo "$made")) <(echo "$cured"))
[[ -z $missing ]]
result $? "and cures it"
show "$missing"

unknown=$(comm -13 <(echo "$all") <(echo "$made"))
[[ -z $unknown ]]
result $? "no test makes a fault that doctor does not know"
show "$unknown"

idle=$(comm -12 <(echo "$excepted") <(echo "$made"); comm -13 <(echo "$all") <(echo "$excepted"))
[[ -z $idle ]]
result $? "no exception is idle"
show "$idle"
echo "1..$n"
exit $failed
