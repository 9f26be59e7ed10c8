#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Faults of the policy: edits by hand, rules without effect, rules without an interface. doctor names
# each by its id and no other, and its cure mends it.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/schema.sh
. "$LIB/schema.sh"
# shellcheck source=../lib/doctor.sh
. "$LIB/doctor.sh"

prepare nginx dns
cat >"$WORK/tproxy.conf" <<-'END'
	[loader]
	interfaces = r0
	[rule web]
	ports = 80, udp/53
	proxy = relay
END
ok "the relay starts" relay_start
do_ok "apply" loader apply "$WORK/tproxy.conf"
ok "flows go through the relay" steering "$SERVER4" "$SERVER6"
healthy "at first"

# ---- the policy ----

fault drift loader port add tcp/8080 --rule web
like "it says how to see it" "$(doctor_next drift)" '^tproxy-loader diff; '
cure loader apply "$WORK/tproxy.conf"

fault never-matches loader rule add hidden --ports 80 --to 10.77.2.0/24
cure
fault never-matches loader rule add nowhere --ports 22 --to 127.0.0.0/8 --before web
cure

ok "another interface" ip -n "$ROUTER" link add r2 type veth peer name c2 netns "$CLIENT"
r ip link set r2 up
c ip link set c2 up
limited() { # INTERFACE — another rule is for that one only
	{
		cat "$WORK/tproxy.conf"
		printf '[rule other]\nports = 22\ninterface = %s\nproxy = relay\n' "$1"
	} >"$WORK/limited.conf"
	loader apply "$WORK/limited.conf"
}
fault not-covered limited r2
cure
do_ok "detach it" loader detach r2
fault not-covered limited r3
cure loader apply "$WORK/tproxy.conf"

finish
