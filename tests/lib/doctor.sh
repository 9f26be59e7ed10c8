# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Faults, what doctor says about them, and its cures. Needs test.sh and schema.sh.
#
#	healthy "at first"
#	fault rule-missing r ip rule del pref 150
#	cure
#
# fault and cure check everything that a check of doctor promises. FAULT_ALSO="ID…" allows other
# errors that the fault really causes. Warnings are always allowed. Where the fault takes several
# steps, or a cure is more than a command:
#
#	finds "it hangs" broken:relay-silent
#	does "the cure" "$(doctor_next relay-silent | sed 's/;.*//')"
#	mended "helps"

DOCTOR=(loader) # the command before "doctor", for runs with other privileges
FAULT_ID=
DOCTOR_JSON=$WORK/doctor.json

# Cures are commands for the shell of an operator on the router.
mkdir -p "$WORK/bin"
cat >"$WORK/bin/tproxy-loader" <<-SCRIPT
	#!/bin/sh
	case \$1 in
	attach | apply) verb=\$1; shift; set -- "\$verb" --learn 0 "\$@" ;;
	esac
	exec "$LOADER" -n "$ROUTER" "\$@"
SCRIPT
chmod +x "$WORK/bin/tproxy-loader"

# doctor_run [ARG…] — runs it with --json; exit code in RC, answer in $DOCTOR_JSON
doctor_run() {
	try "${DOCTOR[@]}" doctor --json "$@"
	cp "$WORK/out" "$DOCTOR_JSON"
}

# doctor_ids [broken|degraded] — prints the ids of the latest run, each once
doctor_ids() {
	json_value "'\n'.join(sorted({p['id'] for p in o['problems'] if '${1-}' in ('', p['verdict'])}))" \
		<"$DOCTOR_JSON"
}

# doctor_next ID — prints the cure of a problem of the latest run
doctor_next() {
	json_value "[p['next'] for p in o['problems'] if p['id'] == '$1'][0]" <"$DOCTOR_JSON"
}

# doctor_finds ID — a new run does
doctor_finds() {
	doctor_run
	doctor_ids | grep -qxF -- "$1"
}
doctor_finds_nothing() {
	doctor_run
	[[ $RC -eq 0 && -z $(doctor_ids) ]]
}

# doctor_fails CALL ERRNO ERE N — from now on doctor runs while one of its system calls fails: the one
# which strace shows as the Nth line that matches ERE; N "$" is the last. DOCTOR=(loader) ends that.
doctor_fails() {
	local at

	at=$(strace -qq -e "trace=$1" "$LOADER" -n "$ROUTER" doctor 2>&1 >/dev/null | grep "^$1(" |
		grep -nE -- "$3" | sed -n "$4s/:.*//p")
	[[ -n $at ]] || return
	DOCTOR=(strace -qq -o /dev/null -e "trace=$1" -e "inject=$1:error=$2:when=$at"
		"$LOADER" -n "$ROUTER")
}
doctor_works() { DOCTOR=(loader); }

# healthy TEXT — no error, no warning, and everything could be looked at
healthy() {
	wait_for 10 doctor_finds_nothing
	is "$1: no error, no warning" "$RC $(doctor_ids | xargs)" "0 "
	[[ $RC -eq 0 ]] || tap_comment <"$DOCTOR_JSON"
	ok "$1: the answer is valid" valid_json doctor "$DOCTOR_JSON"
}

# fault ID CMD… — CMD makes the fault; doctor reports ID and no other error
fault() {
	local others
	FAULT_ID=$1
	shift

	ok "$FAULT_ID: the fault is there" "$@"
	wait_for 15 doctor_finds "$FAULT_ID"
	like "$FAULT_ID: doctor reports it" "$(doctor_ids | xargs)" "(^| )$FAULT_ID( |\$)"
	others=$(doctor_ids broken | grep -vxF -- "$FAULT_ID" | xargs)
	is "$FAULT_ID: and no other error" "$others" "${FAULT_ALSO-}"
	ok "$FAULT_ID: the answer is valid" valid_json doctor "$DOCTOR_JSON"
	is "$FAULT_ID: exit code" "$RC" "$(if [[ -n $(doctor_ids broken) ]]; then echo 5; else echo 4; fi)"
	ok "$FAULT_ID: is explained" loader doctor --explain "$FAULT_ID"
}

# cured — runs the printed cure of the latest fault: the command before "; "
cured() {
	local command

	command=$(doctor_next "$FAULT_ID")
	command=${command%%; *}
	echo "\$ cure: $command" >>"$WORK/log/commands"
	r env PATH="$WORK/bin:$PATH" sh -c "$command" >>"$WORK/log/commands" 2>&1
}

# cure [CMD…] — the printed cure, or CMD where that is no command, mends it: doctor finds nothing
cure() {
	if [[ $# -gt 0 ]]; then
		ok "$FAULT_ID: mended by hand" "$@"
	else
		ok "$FAULT_ID: the cure runs: $(doctor_next "$FAULT_ID")" cured
	fi
	healthy "$FAULT_ID: after the cure"
}

# ---- faults by hand ---------------------------------------------------------

# findings — prints what a new run finds, each id once: "broken:no-listener degraded:log-moved"; or "-"
findings() {
	doctor_run
	json_value "' '.join(sorted({p['verdict'] + ':' + p['id'] for p in o['problems']})) or '-'" \
		<"$DOCTOR_JSON"
}

# finds TEXT FINDINGS — doctor finds exactly that, which is valid; its words are shown
finds() {
	is "$1" "$(findings)" "$2"
	ok "$1: the answer is valid" valid_json doctor "$DOCTOR_JSON"
	json_value "'\n'.join(p['id'] + ': ' + p['text'] + ' (' + p['next'] + ')' for p in o['problems'])" \
		<"$DOCTOR_JSON" | tap_comment
}

found() { [[ $(findings) == "$1" ]]; }

# mended TEXT — within a minute doctor finds nothing any more: some findings are about the last half
mended() {
	ok "$1" wait_for 60 found -
}

# does TEXT COMMAND — a cure, as a shell of the router runs it
does() {
	do_ok "$1: $2" r env PATH="$WORK/bin:$TOP:$PATH" TPROXY_PIN_DIR="$PINS" sh -c "$2"
}
