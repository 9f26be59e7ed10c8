#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Rule sets of well-known guides: import prints what tests/import/ says, as a file that check accepts.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"

prepare

imported() { # FILE
	try loader import "$1"
	echo "exit $RC"
	printf '%s\n' "$OUT"
}

for file in "$TOP"/tests/import/*.save; do
	name=$(basename "$file" .save)
	imported "$file" >"$WORK/$name.out"
	[[ -z ${IMPORT_WRITE-} ]] || cp "$WORK/$name.out" "${file%.save}.out"
	ok "$name: as expected" diff -u "${file%.save}.out" "$WORK/$name.out"
	sed 1d "$WORK/$name.out" >"$WORK/$name.conf"
	try loader check "$WORK/$name.conf"
	like "$name: check accepts it" "$RC $ERR" "^[04] "
	loader -j import "$file" >"$WORK/$name.json" 2>/dev/null || true
	ok "$name: JSON as its schema says" valid_json import "$WORK/$name.json"
done

# ---- what is no such text
refused() { # TEXT ERE
	printf '%s\n' "$1" >"$WORK/other"
	refuses "refused: ${1:0:24}" 1 "other: not the output of iptables-save: .*$2" loader import "$WORK/other"
}
refused '-P PREROUTING ACCEPT' 'iptables -S prints \(iptables-save \| tproxy-loader import\)'
refused 'Chain PREROUTING (policy ACCEPT)' 'iptables -L prints'
refused '#!/bin/sh' 'a script'
refused 'iptables -t mangle -N X' 'commands'
refused 'table inet t {' 'nft'
refused '{"nftables": []}' 'nft'
refused '' 'no table that intercepts'
refused "$(printf '*filter\n:INPUT ACCEPT [0:0]\nCOMMIT')" 'no table that intercepts'
finish
