# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What doctor finds, and the cures that it names. Needs test.sh.

# findings — prints what doctor finds, each id once: "broken:no-listener degraded:log-moved"; or "-"
findings() {
	loader -j doctor >"$WORK/findings" 2>>"$WORK/log/doctor"
	json_value "' '.join(sorted(set(p['verdict'] + ':' + p['id'] for p in o['problems']))) or '-'" \
		<"$WORK/findings"
}

# cure_of ID — prints the next step of the latest finding of that id
cure_of() {
	json_value "[p['next'] for p in o['problems'] if p['id'] == '$1'][0]" <"$WORK/findings"
}

# finds TEXT FINDINGS — doctor finds exactly that; its words are shown
finds() {
	is "$1" "$(findings)" "$2"
	json_value "'\n'.join(p['id'] + ': ' + p['text'] + ' (' + p['next'] + ')' for p in o['problems'])" \
		<"$WORK/findings" | tap_comment
}

found() { [[ $(findings) == "$1" ]]; }

# mended TEXT — within a minute doctor finds nothing any more: some findings are about the last half
mended() {
	ok "$1" wait_for 60 found -
}

# does TEXT COMMAND — a cure, as a shell of the router runs it
does() { do_ok "$1: $2" r bash -c "PATH=$TOP:\$PATH TPROXY_PIN_DIR=$PINS; export PATH TPROXY_PIN_DIR; $2"; }
