#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# docs/troubleshooting.md names only ids that doctor explains, and each line of its tables says what
# doctor reports, why it cannot happen, or that it is a limit. tproxy-loader(8) has all ids.
# shellcheck disable=SC2016 # backticks are those of Markdown
set -u
cd "$(dirname "$0")/../.." || exit

DOC=docs/troubleshooting.md
explained=$(sed -n 's/.*{ \.id = "\([a-z0-9-]*\)".*/\1/p' user/loader/check/kinds/*.c | sort)
lines=$(grep '^| [^w-]' $DOC)

n=0 failed=0
result() { # STATUS TEXT
	n=$((n + 1))
	[[ $1 -eq 0 ]] || { failed=1; printf 'not '; }
	echo "ok $n - $2"
}

show() { [[ -z $1 ]] || awk '{ print "# " $0 }' <<<"$1"; }

# Ids are the words with a hyphen in backticks of the last column, and some others.
named=$(awk -F '|' '{ print $(NF - 1) }' <<<"$lines" | grep -o '[`][a-z0-9]*-[a-z0-9-]*[`]' |
	tr -d '\140' | grep -vx 'on-proxy-down\|udp-full-cone' | sort -u)
unknown=$(comm -23 <(echo "$named") <(echo "$explained"))
[[ -z $unknown ]]
result $? "every id is one of doctor"
show "$unknown"

[[ $(wc -l <<<"$lines") -ge 51 ]]
result $? "there are all failures of the field"

silent=$(grep -Ev '[`][^`]+[`][^|]*\|$|Cannot happen[^|]*\|$|Limit[^|]*\|$' <<<"$lines")
[[ -z $silent ]]
result $? "each has an id, a reason or a limit"
show "$silent"

untold=$(comm -23 <(echo "$explained") \
	<(sed -n 's/^\.It Cm //p' user/man/tproxy-loader.8 | tr -s ' ,' '\n' | sort -u))
[[ -z $untold ]]
result $? "the manual has every id"
show "$untold"
echo "1..$n"
exit $failed
