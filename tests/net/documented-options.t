#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Every option of a command stands in three places: in what the program accepts, in its --help and
# in its section of the man page. Needs no privileges.
#
# An option is accepted if the program does not call it unknown. Each probe ends in unknown options,
# so that no command runs. The names to try are those of the help, of the man page, and of the
# programs themselves: a hidden option is found, too.

set -u -o pipefail
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LOADER=${LOADER:-$TOP/tproxy-loader}
RELAY=${RELAY:-$TOP/tproxy-relay}
MAN=$TOP/user/man
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
# shellcheck source=tests/lib/tap.sh
. "$TOP/tests/lib/tap.sh"

# ---- what is accepted ----

accepts() { # OPTION PROGRAM [COMMAND]
	local option=$1 said
	shift

	said=$("$@" "$option" --no-such-option --no-such-option 2>&1)
	[[ $said != *": $option: unknown option"* ]]
}

# of NAMES, those that are accepted
accepted() { # PROGRAM [COMMAND] <NAMES
	local name

	while read -r name; do
		! accepts "--$name" "$@" || echo "$name"
	done
}

# names in the tables of the loader's commands; macros hold some of them
loader_names() {
	grep -rhoE '"[a-z][a-z0-9-]*", (required|no|optional)_argument' "$TOP/user/loader" |
		sed 's/^"//; s/".*//' | sort -u
}

# The relay's options are keys of its file: whatever looks like a name is tried.
relay_names() { grep -aoE '[a-z][a-z0-9-]{1,30}' "$RELAY" | sort -u; }

# ---- what is written ----

# a line of the help that begins with an option describes it
helped() { # PROGRAM [COMMAND]
	"$@" --help | sed -nE 's/^ +(-[a-zA-Z], )?--([a-z][a-z0-9-]*).*/\2/p' | sort -u
}

# subsection NAME of a page, without its title
subsection() { # PAGE NAME
	awk -v name="$2" '/^\.S[hs] / { inside = $0 == ".Ss " name; next } inside' "$MAN/$1"
}

tagged() { grep '^\.It .*Fl' | grep -oE 'Fl -[a-z][a-z0-9-]*' | sed 's/^Fl -//' | sort -u; }

# options of a command: those of its subsection, and of the option lists that it refers to
in_man() { # COMMAND
	local list

	subsection tproxy-loader.8 "$1" >"$WORK/section"
	for list in "Rule options" "Edit options"; do
		! grep -q "Sx $list" "$WORK/section" || subsection tproxy-loader.8 "$list" >>"$WORK/section"
	done
	tagged <"$WORK/section"
}

# a usage line may leave options out, but names none that is not there
in_usage() { # PROGRAM COMMAND
	"$@" --help | sed '/^$/q' | grep -oE -- '--[a-z][a-z0-9-]*' | sed 's/^--//' | sort -u
}

# ---- the comparison ----

# shellcheck disable=SC2046 # words
set -- $("$LOADER" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
like "the help lists the commands" "$*" "attach.*rule.*version"
is "each has a subsection, and no other one has" \
	"$(sed -n '/^\.Sh COMMANDS/,/^\.Sh OPTIONS/s/^\.Ss //p' "$MAN/tproxy-loader.8" | xargs)" "$*"

global="help json netns pin-dir version"
is "global options: help" "$(helped "$LOADER" | xargs)" "$global"
is "global options: man page" "$(subsection tproxy-loader.8 "Global options" | tagged | xargs)" "$global"
for name in $global; do
	ok "--$name is accepted before and after a command" eval \
		"accepts --$name '$LOADER' && accepts --$name '$LOADER' save"
done
for flag in j v q h V n; do
	like "-$flag is in the help" "$("$LOADER" --help)" "(^|[ ,])-${flag}[ ,]"
	ok "and in the man page" grep -qE "^\.It (Fl [a-zA-Z] , )?Fl $flag( |\$)" "$MAN/tproxy-loader.8"
done

for command; do
	helped "$LOADER" "$command" >"$WORK/help"
	in_man "$command" >"$WORK/man"
	{
		cat "$WORK/help" "$WORK/man"
		loader_names
	} | sort -u | grep -vxE "${global// /|}" >"$WORK/names"
	accepted "$LOADER" "$command" <"$WORK/names" >"$WORK/accepted"
	same_text "$command: the help has all accepted options" "$WORK/accepted" "$WORK/help"
	same_text "$command: the man page has all accepted options" "$WORK/accepted" "$WORK/man"
	is "$command: the usage line names no other option" \
		"$(in_usage "$LOADER" "$command" | comm -23 - "$WORK/help" | xargs)" ""
done

helped "$RELAY" >"$WORK/help"
tagged <"$MAN/tproxy-relay.8" >"$WORK/man"
{
	cat "$WORK/help" "$WORK/man"
	relay_names
} | sort -u >"$WORK/names"
accepted "$RELAY" <"$WORK/names" >"$WORK/accepted"
like "tproxy-relay accepts options" "$(xargs <"$WORK/accepted")" "config.*pin-dir.*workers"
same_text "tproxy-relay: the help has all accepted options" "$WORK/accepted" "$WORK/help"
same_text "tproxy-relay: the man page has all accepted options" "$WORK/accepted" "$WORK/man"
synopsis() { sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$MAN/tproxy-relay.8"; }
is "tproxy-relay: the synopsis has them too" \
	"$(synopsis | grep -oE 'Fl -[a-z][a-z0-9-]*' | sed 's/^Fl -//' | sort -u | xargs)" \
	"$(grep -vxE 'config|help|netns|version' "$WORK/help" | xargs)"
for flag in c n h V; do
	like "tproxy-relay: -$flag is in the help" "$("$RELAY" --help)" "  -$flag, "
	ok "and in the man page" grep -qE "^\.It Fl $flag , " "$MAN/tproxy-relay.8"
	like "and in the synopsis" "$(synopsis)" "Fl ([a-zA-Z] \| )?$flag"
done

# rule options and keys of the file are called alike
for key in to from ports proto proxy on-proxy-down unrouted action interface; do
	ok "--$key is a rule option" accepts "--$key" "$LOADER" rule
	ok "and a key of the file" grep -qE "^\.It Ic ([a-z]+ , (Ic )?)?$key( |\$)" "$MAN/tproxy.conf.5"
done
tap_plan
exit $((TAP_FAILED > 0))
