#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Names that the router itself looks up, by glibc, by a local stub (like systemd-resolved's) and by a
# resolver that chooses ports itself: each query goes through the relay. The router's own name service
# answers the network all the same, although the rules concern every UDP port.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

RELAYED=10.77.2.88 # the address of the relay for the server: no application uses it
RELAYED6=fd77:2::88
UNBOUND=$(command -v unbound || echo /usr/sbin/unbound)

prepare dns
own_cgroups
own_ways
r ip addr add $RELAYED/24 dev r1
r ip addr add $RELAYED6/64 dev r1 nodad preferred_lft 0

queries() { grep -c "from $1$" "$WORK/log/dnsmasq-queries"; }
direct_queries() { echo $(($(queries $ROUTER4) + $(queries $ROUTER6) + $(queries $GATE4))); }
LAST=0
# relayed TEXT — since the last one, the server has been asked, and by the relay only
relayed() {
	ok "$1: the relay asks the server" test "$(queries $RELAYED)" -gt "$LAST"
	is "$1: nobody else does" "$(direct_queries)" 0
	LAST=$(queries $RELAYED)
}
service() { # NAME CMD… — in the cgroup of applications
	serve_run "$1" "$ROUTER" sh -c "echo \$\$ >$CGROUP/app/cgroup.procs; exec \"\$@\"" sh "${@:2}"
}
resolve_by() { echo "nameserver $1" >"$WORK/resolv.conf"; }

resolve_by $SERVER4
mount --bind "$WORK/resolv.conf" /etc/resolv.conf
ok "the relay starts" own_relay --source "$RELAYED,$RELAYED6"
do_ok "attach" loader attach r0 --local --cgroup "$CGROUP" --ports 53,udp/1-65535
do_ok "attach for own traffic" own_attach

# --- glibc ---
is "getent, IPv4" "$(app getent ahostsv4 test.tproxy | awk '/STREAM/ { print $1 }')" 10.77.2.200
relayed "getent, IPv4"
like "getent, both families by one socket" "$(app getent ahosts test.tproxy | paste -sd' ')" \
	'fd77:2::200 .*10\.77\.2\.200|10\.77\.2\.200 .*fd77:2::200'
relayed "getent, both families"
resolve_by "$SERVER6"
is "getent, a server with an IPv6 address" "$(app getent ahostsv4 test.tproxy | awk '/STREAM/ { print $1 }')" \
	10.77.2.200
ok "the relay asks it" grep -q "from $RELAYED6$" "$WORK/log/dnsmasq-queries"
resolve_by $SERVER4
like "a long answer, by TCP" "$(app dig +short big.tproxy TXT | wc -c)" '^3[0-9]{3}$'
relayed "a long answer"

# --- a stub that forwards ---
service stub dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --group= --pid-file= \
	--no-resolv --no-hosts --cache-size=0 --server=$SERVER4 --bind-interfaces \
	--listen-address=127.0.0.53,$GATE4,$GATE6
stub_answers() { app dig +short +tries=1 +time=2 @127.0.0.53 test.tproxy A | grep -q '^10'; }
ok "the stub starts" wait_for 10 stub_answers
LAST=$(queries $RELAYED)
resolve_by 127.0.0.53
is "getent by the stub" "$(app getent ahostsv4 test.tproxy | awk '/STREAM/ { print $1 }')" 10.77.2.200
relayed "the stub"
for gate in $GATE4 $GATE6; do
	is "the stub serves the network at $gate" "$(dig_at "$gate" test.tproxy A)" 10.77.2.200
	relayed "a question from the network"
	is "by TCP" "$(dig_at "$gate" +tcp test.tproxy A)" 10.77.2.200
done

# --- a resolver that binds a random port for each query ---
if [[ -x $UNBOUND ]]; then
	cat >"$WORK/unbound.conf" <<-CONF
		server:
			do-daemonize: no
			use-syslog: no
			username: ""
			chroot: ""
			directory: "$WORK"
			pidfile: ""
			module-config: "iterator"
			num-threads: 1
			cache-max-ttl: 0
			do-not-query-localhost: no
			interface: 0.0.0.0@5353
			interface: ::0@5353
			interface-automatic: no
			access-control: 0.0.0.0/0 allow
			access-control: ::/0 allow
		remote-control:
			control-enable: no
		forward-zone:
			name: "."
			forward-addr: $SERVER4
	CONF
	service unbound "$UNBOUND" -d -c "$WORK/unbound.conf"
	ok "unbound starts" wait_for 10 listening "$ROUTER" udp 5353
	for ((i = 0, answers = 0; i < 20; i++)); do
		[[ $(dig_at $GATE4 -p 5353 test.tproxy A) == 10.77.2.200 ]] && answers=$((answers + 1))
	done
	is "unbound answers the network" $answers 20
	relayed "unbound"
else
	echo "# unbound is not installed"
fi
do_ok "detach own traffic" own_detach
do_ok "detach" loader detach --all
is "then names are looked up directly" "$(app dig +short @$SERVER4 test.tproxy A) $(direct_queries)" "10.77.2.200 1"
finish
