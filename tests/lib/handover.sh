# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The hand-over between relays, spoken by hand. Needs test.sh.

# ask STEP… — on the router, as root in the namespaces of the relay; see handover.py
ask() { r timeout 60 python3 "$LIB/handover.py" ask "$(handover_path)" "$@"; }

# handover_path [PORT] — where a relay on the router waits for the next one
handover_path() { echo "/run/tproxy/relay-$(stat -Lc %i "/run/netns/$ROUTER")-${1:-15002}.handover"; }
flows_path() { echo "/run/tproxy/relay-$(stat -Lc %i "/run/netns/$ROUTER")-${1:-15002}.flows"; }

# in_container CMD… — as root of a container with the router's network, without any capability
in_container() {
	r unshare --mount --pid --ipc --uts --fork setpriv --bounding-set=-all --inh-caps=-all \
		--ambient-caps=-all --no-new-privs "$@"
}
