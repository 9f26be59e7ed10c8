# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Listeners that know nothing of transparency, run by an ordinary user (adopt.py). Needs test.sh.

AS_NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)
PYTHON=/usr/bin/python3
[[ -x $PYTHON ]] || PYTHON=$(command -v python3)
# for a user who may not enter the directories of the sources
chmod 711 "$WORK"
cp "$LIB/adopt.py" "$WORK/adopt.py"

ADOPT_PID=
ADOPT_CGROUP= # of the next ones, a directory

# victim NAME [OPTION…] ADDRESS PORT… — starts one as nobody; its pid is in ADOPT_PID
victim() { victim_in "$ROUTER" "$@"; }

victim_in() { # NAMESPACE NAME …
	local ns=$1 name=$2
	shift 2

	rm -f "$WORK/log/$name"
	# shellcheck disable=SC2016
	serve_run "$name" "$ns" sh -c '[ -z "$0" ] || echo $$ >"$0/cgroup.procs"; exec "$@"' "$ADOPT_CGROUP" \
		"${AS_NOBODY[@]}" "$PYTHON" "$WORK/adopt.py" serve "$@"
	ADOPT_PID=$!
	wait_for 20 grep -q ready "$WORK/log/$name" || fatal "$name starts: $*"
}

victim_stop() {
	stop "${1:-$ADOPT_PID}" KILL
}

ask() { c "$PYTHON" "$LIB/adopt.py" ask "$@"; }
right() { c "$PYTHON" "$LIB/adopt.py" right "$@"; }

# transparent PORT — how many sockets there are transparent, and how many are not: "yes=2 no=1"
transparent() {
	r ss -OHntlu --inet-sockopt "sport = :$1" | awk '
		{ if (/[( ]transparent[) ]/) yes++; else no++ }
		END { print "yes=" yes+0, "no=" no+0 }'
}

# ---- cgroups ----

# shellcheck source=tests/lib/cgroup.sh
. "$TOP/tests/lib/cgroup.sh"
CGROUP_NAME=tproxy-test-${TP_SANDBOX#tp}

adopt_cgroup() { # NAME — makes it; prints its directory
	if [[ ! -d $CGROUPS ]]; then
		mkdir "$CGROUPS"
		mount -t cgroup2 none "$CGROUPS" || skip_inside "cgroup2 cannot be mounted"
	fi
	mkdir -p "$CGROUPS/$CGROUP_NAME/$1"
	echo "$CGROUPS/$CGROUP_NAME/$1"
}

adopt_cgroups_remove() {
	cgroups_remove "$CGROUPS/$CGROUP_NAME"/*/ "$CGROUPS/$CGROUP_NAME"
}

adopt_exit() {
	local rc=$?

	adopt_cgroups_remove
	(exit $rc)
	test_exit
}
trap adopt_exit EXIT
