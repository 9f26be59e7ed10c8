#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The log file rotates: the relay opens it again after SIGHUP and SIGUSR1, loses and tears no line,
# and keeps the old file if the new one cannot be opened.
. "$(dirname "$0")/../lib/test.sh"

LOGS=$WORK/logs
FILE=$LOGS/relay.log

# log_start DIRECTORY-OWNER ARGS… — a relay that logs to $FILE
log_start() {
	local owner=$1
	shift

	rm -rf "$LOGS"
	install -d -o "$owner" "$LOGS"
	RELAY_LOG=$FILE
	"$RELAY" -n "$ROUTER" --log-file "$FILE" "$@" >"$WORK/log/out" 2>&1 </dev/null &
	RELAY_PID=$!
	disown "$RELAY_PID"
	wait_for 10 grep -q listening "$FILE"
}

# in_file FILE — the current number of records there
in_file() { grep -c ' tcp ' "$1"; }
has_flow() { [[ $(in_file "$1") -gt ${2:-0} ]]; }
flow() { [[ $(whoami_at "$SERVER4") == "$ROUTER4 "* ]]; }
uses() { [[ $(readlink "/proc/$RELAY_PID/fd/"*) == *"$1"* ]]; }
says_on_stderr() { wait_for 10 grep -Eq -- "$1" "$WORK/log/out"; }

# rotates DESCRIPTION SIGNAL — the file is renamed; the next flow is in the new one
rotates() {
	local before

	ok "$1: a flow" flow
	ok "$1: is logged" wait_for 10 has_flow "$FILE"
	rm -f "$FILE.1"
	mv "$FILE" "$FILE.1"
	kill "-$2" "$RELAY_PID"
	ok "$1: there is a new file" wait_for 10 test -e "$FILE"
	ok "$1: that the relay reports" relay_says "info log file $FILE: opened again"
	before=$(in_file "$FILE.1")
	ok "$1: the next flow" flow
	ok "$1: is there" wait_for 10 has_flow "$FILE"
	is "$1: not in the old one" "$(in_file "$FILE.1")" "$before"
	nok "$1: which is closed" uses "$FILE.1"
}

prepare nginx echo
ok "the relay starts" log_start root
do_ok "attach" loader attach r0 --ports 80 --to 10.77.2.0/24
ok "flows go through the relay" steering $SERVER4
rotates "SIGHUP" HUP
rotates "SIGUSR1" USR1
rotates "and again" USR1
is "mode of the new file" "$(stat -c %a "$FILE")" 640
nok "SIGUSR1 reads no configuration" grep -q 'lists and limits' "$FILE"

# copytruncate: the relay appends
cp "$FILE" "$FILE.copy"
: >"$FILE"
ok "copytruncate: a flow" flow
ok "copytruncate: is logged" wait_for 10 has_flow "$FILE"
is "copytruncate: without a hole" "$(head -c 4 "$FILE" | tr -d '0-9')" ""

# deleted
rm "$FILE"
kill -USR1 "$RELAY_PID"
ok "deleted: there is a new file" wait_for 10 test -s "$FILE"
ok "deleted: that says so" relay_says 'warn log file: the one in use until now was deleted'

# the new file cannot be opened
mv "$LOGS" "$LOGS.gone"
kill -USR1 "$RELAY_PID"
RELAY_LOG=$LOGS.gone/relay.log
ok "no directory: the old file says so" relay_says "warn log file $FILE: cannot be opened again: No such file"
ok "no directory: and standard error" says_on_stderr "warning: log file $FILE: cannot be opened again: No such file"
before=$(in_file "$RELAY_LOG")
ok "no directory: a flow" flow
ok "no directory: is in the old file" wait_for 10 has_flow "$RELAY_LOG" "$before"
mkdir "$LOGS"
RELAY_LOG=$FILE
kill -HUP "$RELAY_PID"
ok "a directory again: a new file" relay_says "opened again"
mv "$FILE" "$FILE.1"
mkdir "$FILE"
kill -USR1 "$RELAY_PID"
ok "a directory in its place: the old file says so" \
	wait_for 10 grep -q 'cannot be opened again: Is a directory' "$FILE.1"
rmdir "$FILE"
kill -USR1 "$RELAY_PID"
ok "room again: a new file" wait_for 10 grep -q 'opened again' "$FILE"
# a link of another user would lead root to any file
mv "$FILE" "$FILE.1"
: >"$WORK/precious"
ln -s "$WORK/precious" "$FILE"
chown -h nobody "$FILE"
kill -USR1 "$RELAY_PID"
ok "a link of another user: is not followed" \
	wait_for 10 grep -q 'cannot be opened again: Too many levels of symbolic links' "$FILE.1"
is "a link of another user: its target is empty" "$(stat -c %s "$WORK/precious")" 0
rm "$FILE"
relay_stop

# the file and its directory belong to another user, as logrotate creates them with "create"
ok "a directory of nobody: the relay starts" log_start nobody
ok "flows go through the relay" steering $SERVER4
mv "$FILE" "$FILE.1"
install -o nobody -m 640 /dev/null "$FILE"
kill -HUP "$RELAY_PID"
ok "a file of nobody: is opened" relay_says "opened again"
ok "a file of nobody: a flow" flow
ok "a file of nobody: is there" wait_for 10 has_flow "$FILE"

# under load no line is lost or torn: each flow has one record
churn_start $SERVER4 80
ok "load: flows" wait_for 20 churned_more $SERVER4 1 50
for n in {1..20}; do
	mv "$FILE" "$FILE.load.$n"
	kill "-$([[ $((n % 2)) == 0 ]] && echo HUP || echo USR1)" "$RELAY_PID"
	wait_for 10 grep -q 'opened again' "$FILE"
done
churn_stop
relay_stop
cat "$LOGS"/relay.log* >"$WORK/all"
logged=$(grep -c ' tcp .* end=' "$WORK/all")
counted=$(sed -n 's/.*ended: \([0-9]*\) TCP.*/\1/p' "$WORK/all")
ok "load: $counted flows" test "$counted" -gt 50
is "load: each has its record" "$logged" "$counted"
is "load: each line is whole" "$(grep -vcE '^20..-..-..T..:..:..\.[0-9]{3}Z (tcp .* end=|(info|warn|error) )' "$WORK/all")" 0
is "load: the log has no loss" "$(grep -c 'were lost' "$WORK/all")" 0

# a relay whose place another one has taken, and that has a flow left
rm -rf "$LOGS"
ok "retired: a relay starts" log_start root
do_ok "retired: TCP echo, too" loader attach r0 --ports 80,7007
ok "retired: flows go through it" steering $SERVER4
nsenter --net="/run/netns/$CLIENT" -- python3 "$LIB/net.py" hold "$SERVER4" 7007 "$WORK/go" >"$WORK/held" 2>&1 &
held=$!
ok "retired: a flow" wait_for 10 grep -q up "$WORK/held"
old=$RELAY_PID
"$RELAY" -n "$ROUTER" --log-file "$FILE" >"$WORK/log/out" 2>&1 </dev/null &
RELAY_PID=$!
disown "$RELAY_PID"
ok "retired: another relay takes its place" relay_says 'hand-over: done'
mv "$FILE" "$FILE.1"
kill -USR1 "$old"
ok "retired: the old relay opens the new file" relay_says 'opened again'
touch "$WORK/go"
ok "retired: the flow ends" wait "$held"
ok "retired: its record is in the new file" relay_says "$(record tcp $CLIENT4 $SERVER4 7007)"
ok "retired: the old relay ends" wait_for 20 process_gone "$old"
wait_for 10 relay_says 'registered in'
relay_stop

# a relay that is not started as root
RELAY_COPY=$WORK/tproxy-relay
install -m 755 "$RELAY" "$RELAY_COPY"
install -d -o 65534 "$WORK/mine"
FILE=$WORK/mine/relay.log
nsenter --net="/run/netns/$ROUTER" -- setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,+net_raw,+net_bind_service,+net_admin \
	--ambient-caps=-all,+net_raw,+net_bind_service,+net_admin \
	"$RELAY_COPY" --log-file "$FILE" >"$WORK/log/mine" 2>&1 </dev/null &
RELAY_PID=$!
disown "$RELAY_PID"
RELAY_LOG=$FILE
ok "another user: the relay starts" relay_says listening
mv "$FILE" "$FILE.1"
kill -USR1 "$RELAY_PID"
ok "another user: opens its file again" relay_says "opened again"
relay_stop

# standard output is nothing that rotates
ok "standard output: the relay starts" relay_start --log-level debug
kill -USR1 "$RELAY_PID"
ok "standard output: stays" relay_says "debug the log goes to standard output, which stays"
relay_reload
ok "standard output: SIGHUP does the rest" relay_says "lists and limits were read again"
relay_stop
finish
