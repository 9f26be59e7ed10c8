# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The real rules of ufw, loaded by its own start-up script. Needs test.sh, and ufw.

# ufw_tree POLICY — a copy, switched on, that knows nothing of this machine's own settings; POLICY is
# what it does to forwarded packets
ufw_tree() {
	mkdir -p "$WORK/ufw/etc/default" "$WORK/ufw/etc/ufw" "$WORK/ufw/lib" &&
		cp -r /lib/ufw "$WORK/ufw/lib/" &&
		cp /usr/share/ufw/iptables/*.rules /usr/share/ufw/ufw.conf "$WORK/ufw/etc/ufw/" &&
		sed -i 's/^ENABLED=.*/ENABLED=yes/' "$WORK/ufw/etc/ufw/ufw.conf" &&
		sed -i "s|/etc/default/ufw|$WORK/ufw&|g; s|/etc/ufw|$WORK/ufw/etc/ufw|g" \
			"$WORK/ufw/lib/ufw/ufw-init-functions" &&
		cat >"$WORK/ufw/etc/default/ufw" <<-CONF
			IPV6=yes
			DEFAULT_INPUT_POLICY="DROP"
			DEFAULT_OUTPUT_POLICY="ACCEPT"
			DEFAULT_FORWARD_POLICY="$1"
			DEFAULT_APPLICATION_POLICY="SKIP"
			MANAGE_BUILTINS=no
			IPT_SYSCTL=
			IPT_MODULES=""
		CONF
}

# ufw_init — loads its rules on the router
ufw_init() { r "$WORK/ufw/lib/ufw/ufw-init" --rootdir "$WORK/ufw" start >"$WORK/log/ufw" 2>&1; }

# ufw_accept — what its users are told to add: marked packets may enter
ufw_accept() {
	local tables

	for tables in iptables ip6tables; do
		r "$tables" -I INPUT -m mark --mark 0x1000000/0x1000000 -j ACCEPT || return
	done
}
