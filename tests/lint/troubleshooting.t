#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# docs/troubleshooting.md names only ids that doctor explains, and each line of its tables says what
# doctor reports, why it cannot happen, or that it is a limit. tproxy-loader(8) has all ids.
# shellcheck disable=SC2016 # backticks are those of Markdown
set -u
cd "$(dirname "$0")/../.." || exit
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

DOC=docs/troubleshooting.md
explained=$(sed -n 's/.*{ \.id = "\([a-z0-9-]*\)".*/\1/p' user/loader/check/kinds/*.c | sort)
lines=$(grep '^| [^w-]' $DOC)

# Ids are the words with a hyphen in backticks of the last column, and some others.
named=$(awk -F '|' '{ print $(NF - 1) }' <<<"$lines" | grep -o '[`][a-z0-9]*-[a-z0-9-]*[`]' |
	tr -d '\140' | grep -vx 'on-proxy-down\|udp-full-cone' | sort -u)
unknown=$(comm -23 <(echo "$named") <(echo "$explained"))
is "every id is one of doctor" "$unknown" ""

[[ $(wc -l <<<"$lines") -ge 51 ]]
tap_result $? "there are all failures of the field"

silent=$(grep -Ev '[`][^`]+[`][^|]*\|$|Cannot happen[^|]*\|$|Limit[^|]*\|$' <<<"$lines")
is "each has an id, a reason or a limit" "$silent" ""

untold=$(comm -23 <(echo "$explained") \
	<(sed -n 's/^\.It Cm //p' user/man/tproxy-loader.8 | tr -s ' ,' '\n' | sort -u))
is "the manual has every id" "$untold" ""
tap_plan
exit $((TAP_FAILED > 0))
