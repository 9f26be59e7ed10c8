#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Memory is refused to a relay that starts, one allocation after the other: it ends with one line
# or becomes a relay with no more privileges than any. One that is to take over leaves the old one alone.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/fault.sh"

command -v addr2line >/dev/null || skip_inside "addr2line is not installed"

# Starts with each allocation in the code refused in turn, then with each call: their numbers are not
# quite the same from start to start. Prints what happened otherwise than it should, then how many
# starts there were, and how many of them failed.
cat >"$WORK/starts.py" <<'PY'
import re, signal, subprocess, sys
fault, page, *relay = sys.argv[1:]
MAY = (1 << 13) | (1 << 10) # CAP_NET_RAW, CAP_NET_BIND_SERVICE


def run(*which):
    subprocess.run([fault, page, *which], check=True)
    with subprocess.Popen(relay, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        up = any("listening on" in line for line in child.stdout)
        if up:
            with open(f"/proc/{child.pid}/status", encoding="ascii") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            if status["Uid"].split()[0] == "0" or int(status["CapPrm"], 16) & ~MAY or \
                    status["NoNewPrivs"] != "1" or status["Seccomp"] != "2":
                print(*which, "has kept privileges:", status["Uid"], status["CapPrm"], status["Seccomp"])
            child.send_signal(signal.SIGTERM)
        said = child.stderr.read()
    failed = subprocess.run([fault, page, "off"], check=True, capture_output=True, text=True).stdout.split()[1]
    wanted = (0, "") if up else (1, "tproxy-relay: [^\n]+\n")
    if child.returncode != wanted[0] or not re.fullmatch(wanted[1], said):
        print(*which, child.returncode, said)
    return up, failed != "0"


def sweep(order):
    starts = []
    while len(starts) < 1000:
        starts.append(run(*order(len(starts) + 1)))
        if not starts[-1][1]:
            break
    if starts[-1] != (True, False):
        print("the last one should be a start without a failure", starts[-1])
    return starts


starts = sweep(lambda n: ["fresh"]) + sweep(lambda n: ["alloc", str(n)])
print(len(starts), sum(not up for up, _ in starts))
PY

CONF=$WORK/relay.conf
prepare peer
fault_configuration "$CONF"
fault_relay "$RELAY"

# --- starts ---
python3 "$WORK/starts.py" "$FAULT" "$FAULT_PAGE" "$RELAY" -n "$ROUTER" -c "$CONF" >"$WORK/starts"
read -r starts failed < <(tail -n 1 "$WORK/starts")
is "each start is a relay, or ends with status 1 and one line" "$(sed '$d' "$WORK/starts")" ""
ok "$failed of $starts starts have failed" test "$failed" -gt 20

# --- a take-over that fails ---
ok "the relay starts" relay_start -c "$CONF" --connect-timeout 3 --drain-timeout 1
do_ok "attach" loader attach r0 --ports 7007
ok "flows go through the relay" wait_for 10 whole
bypass_reset
first=$RELAY_PID
for n in 1 20 40 60 120 160; do
	fault alloc $n
	takeover=$("$RELAY" -n "$ROUTER" -c "$CONF" --listen 15002 2>&1 >"$WORK/log/takeover.$n" </dev/null &
		wait_for 2 grep -q listening "$WORK/log/takeover.$n" && kill $!
		wait $!)
	read -r _ refused _ < <(fault off)
	[[ $refused -gt 0 ]] || continue
	# some libraries do without; then it is a take-over like any other
	if [[ -z $takeover ]]; then
		relay_stop
		relay_start -c "$CONF"
		wait_for 10 whole
		first=$RELAY_PID
		continue
	fi
	process_gone "$first" && takeover+="! the old relay has ended"
	whole || takeover+="! flows are not served"
	like "a take-over that is refused allocation $n leaves the old relay alone" "$takeover" \
		'^tproxy-relay: [^!]+$'
done
relay_stop

fault_met access_tree_add poolmap_add settings_new find_user clients_new thread_start tcp_open udp_open \
	batch_new lanes_new reply_table_open seccomp_enter config_open line_read
bypass_none "nothing went past the relay"
finish
