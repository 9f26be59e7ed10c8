#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Faults of a proxy that is not the relay: it hangs, or its listener is for another interface, family
# or for its own address only. doctor names each by its id and no other, and its cure mends it.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=../lib/doctor.sh
. "$LIB/doctor.sh"

again() { loader -q detach --all && loader attach r0 --ports 80 --proxy 3129 "$@"; }
tries() { # flows that get no answer
	for _ in 1 2 3; do
		c timeout 0.5 curl -s "http://$SERVER4/whoami"
	done
	return 0
}

prepare nginx
do_ok "attach" again --to 10.77.2.0/24
ok "haproxy" serve_haproxy "" 127.0.0.1 ::1
PROXY=${SERVE_PIDS[-1]}
ok "takes flows" steering "$SERVER4"
healthy "with haproxy"
hangs() { freeze "$PROXY" && tries; }
fault not-accepted hangs
works_on() { kill -CONT "$PROXY"; }
cure works_on
stop "$PROXY"

proxy() { # ARG…
	serve_run proxy "$ROUTER" python3 "$LIB/listen.py" 3129 tcp "$@"
	wait_for 10 listening "$ROUTER" tcp 3129
}
proxy_stop() { stop "${SERVE_PIDS[-1]}"; }
fault listener-device proxy 127.0.0.1 transparent device=r1
here() { proxy_stop && proxy 127.0.0.1 transparent device=r0; }
cure here
proxy_stop
fault listener-not-transparent proxy 127.0.0.1
transparent() { proxy_stop && proxy 127.0.0.1 transparent; }
cure transparent
fault listener-family again
cure proxy ::1 transparent
finish
