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
	git -C "$TOP" cat-file -e "$ABI1_COMMIT^{commit}" 2>/dev/null ||
		skip_inside "commit $ABI1_COMMIT is not in the history of this clone"
	mkdir -p "$TOP/build"
	# several tests may ask for it at once
	flock "$TOP/build" bash -c "$(declare -f abi1_make); abi1_make \"\$@\"" - "$TOP" "$ABI1" \
		"$ABI1_COMMIT" >"$WORK/log/abi1-build" 2>&1 || fatal "the programs of ABI 1 are built"
}

abi1_make() { # TOP DIR COMMIT
	[[ ! -x $2/tproxy-loader || ! -x $2/tproxy-relay ]] || return 0
	rm -rf "$2"
	mkdir "$2" && git -C "$1" archive "$3" | tar -x -C "$2" && make -s -C "$2" tproxy-loader tproxy-relay
}

old_loader() { "$OLD_LOADER" -n "$ROUTER" "$@"; }
old_relay_start() { RELAY=$OLD_RELAY relay_start "$@"; }
