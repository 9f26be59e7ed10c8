# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The two programs as they were with ABI 1, built from the history of this clone. Needs test.sh.

ABI1_COMMIT=1605d837fb4514b80e7a099d459c3383350703d9
ABI1=$TOP/build/abi1
OLD_LOADER=$ABI1/tproxy-loader
OLD_RELAY=$ABI1/tproxy-relay

# abi1_build — once for all tests; skips where the history does not reach back
abi1_build() {
	local stage=$ABI1.$$

	[[ -x $OLD_LOADER && -x $OLD_RELAY ]] && return
	git -C "$TOP" cat-file -e "$ABI1_COMMIT^{commit}" 2>/dev/null ||
		skip_inside "commit $ABI1_COMMIT is not in the history of this clone"
	rm -rf "$stage"
	mkdir -p "$stage" "$TOP/build"
	if ! git -C "$TOP" archive "$ABI1_COMMIT" | tar -x -C "$stage" ||
		! make -s -C "$stage" tproxy-loader tproxy-relay >"$WORK/log/abi1-build" 2>&1; then
		fatal "the programs of ABI 1 are built"
	fi
	rm -rf "$ABI1"
	mv "$stage" "$ABI1"
}

old_loader() { "$OLD_LOADER" -n "$ROUTER" "$@"; }
old_relay_start() { RELAY=$OLD_RELAY relay_start "$@"; }
