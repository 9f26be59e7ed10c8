#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# logrotate with the file of examples/: the relay continues in the new file, and all records of
# the flows are in one of the files.
. "$(dirname "$0")/../lib/test.sh"

command -v logrotate >/dev/null || skip_inside "logrotate is not installed (scripts/deps installs it)"
getent group adm >/dev/null || skip_inside "the group adm does not exist"

LOGS=$WORK/var
FILE=$LOGS/relay.log
mkdir "$LOGS"
sed "s|/var/log/tproxy|$LOGS|" "$TOP/examples/logrotate" >"$WORK/rotate"
chmod 644 "$WORK/rotate"
# no systemd runs here: the script of the file goes on to pkill
rotate() { logrotate --force --state "$WORK/state" "$WORK/rotate"; }
flow() { [[ $(whoami_at "$SERVER4") == "$ROUTER4 "* ]]; }
records() { zcat -f "$LOGS"/relay.log* | grep -c ' tcp .* end='; }
all_recorded() { [[ $(records) -eq $FLOWS ]]; }

prepare nginx
"$RELAY" -n "$ROUTER" --log-file "$FILE" >"$WORK/log/out" 2>&1 </dev/null &
RELAY_PID=$!
RELAY_LOG=$FILE
disown "$RELAY_PID"
ok "the relay starts" relay_says listening
do_ok "attach" loader attach r0 --ports 80 --to 10.77.2.0/24
FLOWS=1
until_relayed() { flow || { FLOWS=$((FLOWS + 1)) && false; }; }
ok "flows go through the relay" wait_for 10 until_relayed
for n in 1 2 3; do
	ok "rotation $n" rotate
	ok "rotation $n: the relay opens the new file" relay_says 'opened again'
	ok "rotation $n: a flow" flow
	FLOWS=$((FLOWS + 1))
	ok "rotation $n: is in the new file" relay_says "$(record tcp $CLIENT4 $SERVER4 80)"
	is "rotation $n: mode and group" "$(stat -c '%a %G' "$FILE")" "640 adm"
done
ok "the older files are compressed" test -s "$FILE.2.gz"
ok "all flows are recorded" wait_for 10 all_recorded
relay_stop
finish
