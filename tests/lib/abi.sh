# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The two programs with an older ABI, built from the history of this clone. Needs test.sh.

declare -A ABI_COMMITS=(
	[1]=1605d837fb4514b80e7a099d459c3383350703d9
	[2]=b2ebba5b718ca794b798b0c0a67a8fd79f432ee2
)

# abi_build ABI — once for all tests; skips the script if the clone lacks the commit
abi_build() {
	local commit=${ABI_COMMITS[$1]}

	# shellcheck disable=SC2034
	OLD_ABI=$1
	OLD=$TOP/build/abi$1
	OLD_LOADER=$OLD/tproxy-loader
	OLD_RELAY=$OLD/tproxy-relay
	git -C "$TOP" cat-file -e "$commit^{commit}" 2>/dev/null ||
		skip_inside "commit $commit is not in the history of this clone"
	mkdir -p "$TOP/build"
	# several tests may want it at the same time
	flock "$TOP/build" bash -c "$(declare -f abi_make); abi_make \"\$@\"" - "$TOP" "$OLD" \
		"$commit" >"$WORK/log/abi-build" 2>&1 || fatal "the programs of ABI $1 are built"
}

abi_make() { # TOP DIR COMMIT
	[[ ! -x $2/tproxy-loader || ! -x $2/tproxy-relay ]] || return 0
	rm -rf "$2"
	mkdir "$2" && git -C "$1" archive "$3" | tar -x -C "$2" && make -s -C "$2" tproxy-loader tproxy-relay
}

old_loader() { "$OLD_LOADER" -n "$ROUTER" "$@"; }
old_relay_start() { RELAY=$OLD_RELAY relay_start "$@"; }
