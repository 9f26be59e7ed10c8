#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Who is connected: the open flows by tproxy-relay --list and tproxy-loader flows, with their rules,
# totals and rates; ending some; who may do what.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/schema.sh
. "$LIB/schema.sh"

POOL4=10.77.1.101 POOL6=fd77:1::101 # on the router's r0
MEMBERS=4321

# the group of those who may list
cp /etc/group "$WORK/group"
sed -i /^tproxy:/d "$WORK/group"
echo "tproxy:x:$MEMBERS:" >>"$WORK/group"
mount --bind "$WORK/group" /etc/group
install -m 755 "$RELAY" "$WORK/tproxy-relay" # where another user may read them
install -m 755 "$LOADER" "$WORK/tproxy-loader"
install -m 644 "$LIB/flows.py" "$WORK/flows.py"

list() { "$RELAY" -n "$ROUTER" --list "$@"; }
flows() { loader flows "$@"; }
value() { json_value "$1" <<<"$OUT"; }
# of flows in the JSON in $OUT that meet a condition over f
count() { value "sum(bool($1) for f in o['flows'])"; }
# as another user, in the router's network
as() { # UID GROUP CMD…
	r setpriv --reuid "$1" --regid 4000 --groups "$2" --inh-caps=-all --bounding-set=-all "${@:3}"
}
socket() { echo /run/tproxy/relay-*-15002.flows; }

prepare nginx echo
ip -n "$ROUTER" addr add $POOL4/32 dev r0
ip -n "$ROUTER" addr add $POOL6/128 dev r0 nodad
cat >"$WORK/conf" <<-CONF
	[loader]
	interfaces = r0
	[rule no-jumphost]
	from   = 10.77.1.77
	action = pass
	[rule web]
	to     = 10.77.2.0/24 fd77:2::/64
	ports  = 80
	[rule echo]
	ports  = 7007 udp/7007
	to     = 10.77.2.0/24 fd77:2::/64
	[pool gate]
	$POOL4:7000 = $SERVER4:7007
	[$POOL6]:7000 = [$SERVER6]:7007
CONF
is "no relay: --list" "$(list 2>&1)" \
	"tproxy-relay: no relay runs in this network namespace (start tproxy-relay, or name its namespace with -n)"
refuses "no relay: flows" 1 'no relay runs.*start tproxy-relay' loader flows
ok "the relay starts" relay_start -c "$WORK/conf" --workers 2
do_ok "apply" loader apply "$WORK/conf"
ok "flows go through the relay" steering $SERVER4 $SERVER6
quiet() { list --json >"$WORK/out" && [[ $(json_value "len(o['flows'])" <"$WORK/out") == 0 ]]; }
ok "no flow is left" wait_for 10 quiet
do_ok "an empty list" flows
is "is one line" "$OUT" "no flow is open"
is "and by relay" "$(list)" "no flow is open"
do_ok "as JSON" flows --json
ok "which is valid" valid_json flows "$WORK/out"
is "it is an empty array" "$(value "o['schema'], o['flows'], o['by_client'], o['total']['flows']")" "(1, [], [], 0)"

# --- flows of all kinds ---
ok "TCP" hold_flow v4 $SERVER4 7007
ok "TCP over IPv6" hold_flow v6 $SERVER6 7007
ok "TCP to a pool" hold_flow pool4 $POOL4 7000
ok "TCP over IPv6 to a pool" hold_flow pool6 $POOL6 7000
is "UDP" "$(cpy udp $SERVER4 7007 100 3)" 3
is "UDP over IPv6" "$(cpy udp $SERVER6 7007 100 3)" 3
is "UDP to a pool" "$(cpy udp $POOL4 7000 100 1)" 1

do_ok "the list" flows
shown() { # DESCRIPTION PROTO CLIENT DESTINATION SERVER SOURCE RULE
	like "the list has $1" "$OUT" \
		"[0-9]+ +$2 +$(escaped "$(bracket "$3")"):[0-9]+ +$(escaped "$4") +$(escaped "$5") +$(escaped "$(bracket "$6")"):[0-9]+ +$7 +open "
}
shown "the flow over IPv4" tcp $CLIENT4 "$SERVER4:7007" - $ROUTER4 echo
shown "the flow over IPv6" tcp $CLIENT6 "[$SERVER6]:7007" - $ROUTER6 echo
shown "the flow to a pool" tcp $CLIENT4 "$POOL4:7000" "$SERVER4:7007" $ROUTER4 'pool gate'
shown "the one over IPv6" tcp $CLIENT6 "[$POOL6]:7000" "[$SERVER6]:7007" $ROUTER6 'pool gate'
shown "datagrams" udp $CLIENT4 "$SERVER4:7007" - $ROUTER4 echo
shown "those over IPv6" udp $CLIENT6 "[$SERVER6]:7007" - $ROUTER6 echo
like "the end is a sum" "$OUT" $'\n'"7 flows, 2 clients, 7 destinations, [0-9.k]+ bytes up, [0-9.k]+ down"
like "totals by client are below" "$OUT" "CLIENT +FLOWS.*$(escaped $CLIENT4) +4 "
like "and by rule" "$OUT" "RULE +FLOWS.*pool gate +3 "
do_ok "the relay's own list" list
like "has no rules, but the same flows" "$OUT" "tcp +$(escaped $CLIENT4):[0-9]+ +$(escaped $SERVER4):7007 +- "
unlike "no rule" "$OUT" "RULE"

do_ok "as JSON" flows -j
ok "which is valid" valid_json flows "$WORK/out"
is "its keys" "$(value "' '.join(sorted(o))")" \
	"by_client by_destination by_rule complete flows rate relays schema total"
is "keys of a flow" "$(value "' '.join(sorted(f := [f for f in o['flows'] if f['proto'] == 'udp' and 'server' in f][0]))")" \
	"age_ms bytes_down bytes_up client client_port datagrams_down datagrams_up dst dst_port id idle_ms pool proto rate_down rate_up relay retired rule server server_port source source_port state via"
is "numbers are numbers" "$(value "all(isinstance(f[k], int) for f in o['flows'] for k in ('id', 'client_port', 'dst_port', 'age_ms', 'bytes_up', 'rate_down'))")" True
is "all of the answer came" "$(value "o['complete'], o['relays'], o['rate']")" "(True, ['15002'], 'average')"
is "bytes and datagrams" "$(value "[(f['bytes_up'], f['bytes_down'], f['datagrams_up']) for f in o['flows'] if f['proto'] == 'udp' and f['dst'] == '$SERVER6']")" \
	"[(300, 300, 3)]"
is "the sum is that of the flows" "$(value "o['total']['bytes_up'] == sum(f['bytes_up'] for f in o['flows'])")" True
is "totals by rule" "$(value "sorted((t['rule'] or '', t.get('rule_action'), t.get('pool'), t['flows']) for t in o['by_rule'])")" "[('', None, 'gate', 3), ('echo', 'proxy', None, 4)]"
is "by destination" "$(value "[t['flows'] for t in o['by_destination'] if (t['proto'], t['dst'], t['dst_port']) == ('udp', '$SERVER4', 7007)]")" "[1]"
is "ids are unique" "$(value "len({f['id'] for f in o['flows']})")" 7
do_ok "the relay's own JSON" list --json
ok "is valid" valid_json flows "$WORK/out"
is "without rules" "$(value "'by_rule' in o, 'rule' in o['flows'][0], len(o['flows'])")" "(False, False, 7)"

# --- choosing ---
selects() { # DESCRIPTION NUMBER ARGS…
	do_ok "only $1" flows -j "${@:3}"
	is "they are $2" "$(value "len(o['flows'])")" "$2"
}
selects "a client" 4 --client $CLIENT4
selects "an IPv6 prefix of clients" 3 --client fd77:1::/64
selects "an IPv4 address in IPv6 notation" 4 --client ::ffff:$CLIENT4
selects "a protocol" 3 --proto udp
selects "a destination, also as the server of a pool" 4 --destination $SERVER4:7007
selects "the address of a pool" 1 --destination "[$POOL6]:7000"
selects "no such port" 0 --destination "[$SERVER6]:7000"
selects "a prefix of destinations" 2 --destination 10.77.1.0/24
selects "several things" 1 --client $CLIENT6 --proto udp --destination $SERVER6
selects "a few" 2 --limit 2 --sort bytes
is "with the most bytes" "$(value "sorted(f['bytes_up'] for f in o['flows'])")" "[300, 300]"
do_ok "totals of clients alone" flows --by client
is "are a small table" "$(sed 's/  */ /g; s/ [^ ]*$//; s/ [^ ]*$//' <<<"$OUT" | head -n 1)" "CLIENT FLOWS UP DOWN"
do_ok "of rules" flows --by rule
like "name the rules" "$OUT" "pool gate +3 "
for bad in '--by port' '--sort size' '--limit 0' '--proto sctp' '--client 10.0.0.1/8' '--client x' \
	'--destination 10.0.0.1:0' '--destination :22' 'kill' 'kill x' 'kill 0' 'kill 1 --limit 3' 'what' \
	'kill 99999999999999999999'; do
	# shellcheck disable=SC2086 # words
	refuses "usage: $bad" 2 . loader flows $bad
done
refuses "another relay" 1 'relay 15003: it does not run here' loader flows --relay 15003
do_ok "this relay" flows --relay 15002
nok "--json without --list" "$RELAY" --json

# --- rates ---
nsenter --net="/run/netns/$CLIENT" -- curl -sS -o /dev/null "http://$SERVER4/load" 2>"$WORK/log/curl" &
SERVE_PIDS+=($!)
disown $!
loading() { flows -j >"$WORK/out" && [[ $(json_value "sum(f['dst_port'] == 80 and f['bytes_down'] > 2000000 for f in o['flows'])" <"$WORK/out") == 1 ]]; }
ok "a download runs" wait_for 20 loading
do_ok "rates of a second" flows -j --rate --sort rate
is "say so" "$(value "o['rate'], o['sample_ms'] >= 1000")" "('sample', True)"
is "the download is the first" "$(value "o['flows'][0]['dst_port'], o['flows'][0]['rule']")" "(80, 'web')"
ok "its rate is about two megabytes" test "$(value "400000 < o['flows'][0]['rate_down'] < 8000000")" = True
is "idle flows have none" "$(count "f['dst_port'] == 7007 and f['proto'] == 'tcp' and f['rate_up']")" 0
stop "${SERVE_PIDS[-1]}"

# --- the rules are those of now ---
do_ok "a rule is removed" loader rule del echo
do_ok "the flows stay" flows -j --destination $SERVER4:7007 --proto tcp
is "but no rule takes them now" "$(value "[f['rule'] for f in o['flows'] if 'server' not in f]")" "[None]"
do_ok "a rule with another action" loader rule add leave --action pass --ports 7007 --to 10.77.2.0/24
do_ok "the list" flows
like "shows it" "$OUT" "leave \\(pass\\)"
ip -n "$ROUTER" link add other0 type veth peer name other1
ip -n "$ROUTER" link set other0 up
do_ok "another interface" loader attach other0
do_ok "a rule of that interface alone" loader rule add elsewhere --interface other0 --ports 7007 --to fd77:2::/64
do_ok "the list" flows -j
is "it does not take the flows of r0" "$(value "[f['rule'] for f in o['flows'] if f['dst'] == '$SERVER6' and f['proto'] == 'tcp']")" "[None]"
do_ok "a rule of r0 alone" loader rule add here --interface r0 --ports 7007 --to fd77:2::/64
do_ok "the list" flows -j
is "takes them" "$(value "[f['rule'] for f in o['flows'] if f['dst'] == '$SERVER6' and f['proto'] == 'tcp']")" "['here']"
do_ok "apply" loader apply "$WORK/conf"

# --- ending flows ---
id_of() { flows -j "$@" | json_value "o['flows'][0]['id']"; }
# of the client
connections() { c ss -Htn state established "dst [$1]:$2" | wc -l; }
no_connection() { [[ $(connections "$1" "$2") == 0 ]]; }
id=$(id_of --proto tcp --client $CLIENT4 --destination $SERVER4:7007)
do_ok "one flow is ended" flows kill "$id"
is "it says so" "$OUT" "ended 1 flow"
is "its record has the end killed" "$(grep -c "end=killed" "$RELAY_LOG")" 1
refuses "the id is unknown then" 1 "flow $id: not found" loader flows kill "$id"
is "there was a connection" "$(connections $SERVER6 7007)" 1
ok "the client was reset" wait_for 10 no_connection $SERVER4 7007
ok "the relay logs who ended flows" relay_says 'info flows: user 0 ended 1 flow$'
ok "another flow" hold_flow v4 $SERVER4 7007
do_ok "all of an IPv6 prefix are ended" flows kill --client fd77:1::/64
is "TCP and UDP" "$OUT" "ended 3 flows"
ok "the clients were reset" wait_for 10 no_connection $SERVER6 7007
ok "also in the pool" wait_for 10 no_connection $POOL6 7000
do_ok "the others stay" flows -j
is "they are those over IPv4" "$(value "{f['client'] for f in o['flows']}, len(o['flows'])")" "({'$CLIENT4'}, 4)"
do_ok "none is left to end" flows kill --client fd77:1::/64
is "which it says" "$OUT" "ended 0 flows"
do_ok "as JSON" flows -j kill --client $CLIENT4 --proto udp
ok "is valid" valid_json flows-kill "$WORK/out"
is "a number" "$(value "o['schema'], o['ended']")" "(1, 2)"
is "a client of UDP begins again" "$(cpy udp $SERVER4 7007 100 3)" 3
ids=$(flows -j --proto tcp | json_value "' '.join(str(f['id']) for f in o['flows'])")
# shellcheck disable=SC2086 # words
do_ok "several ids" flows kill $ids
is "end as many" "$OUT" "ended 2 flows"

# --- who may ---
ok "a flow" hold_flow v4 $SERVER4 7007
like "the socket is for root and the group" "$(stat -c '%a %u %g' "$(socket)")" "^660 0 $MEMBERS$"
member() { as 4001 $MEMBERS "$@"; }
stranger() { as 4002 4002 "$@"; }
do_ok "a member of the group lists" member "$WORK/tproxy-relay" --list --json
is "the flows" "$(count "f['proto'] == 'tcp'")" 1
do_ok "by the loader too" member "$WORK/tproxy-loader" flows --proto tcp
like "the flows, without rules" "$OUT" "tcp +$(escaped $CLIENT4):[0-9]+ +$(escaped $SERVER4):7007"
like "and is told so" "$ERR" "rules: cannot be read"
refuses "a member cannot end flows" 1 'only root may end flows' member "$WORK/tproxy-loader" flows kill --client 0.0.0.0/0
is "not by hand either" "$(member /usr/bin/python3 "$WORK/flows.py" kill "$(socket)")" EPERM
ok "the relay logs it" relay_says 'warn flows: user 4001 may not end flows'
refuses "others cannot list" 1 '(ermission|no relay)' stranger "$WORK/tproxy-loader" flows
nok "by --list neither" stranger "$WORK/tproxy-relay" --list
nok "nor connect" stranger /usr/bin/python3 "$WORK/flows.py" kill "$(socket)"
is "the flow lives" "$(flows -j --proto tcp | json_value "len(o['flows'])")" 1

# --- two relays ---
"$RELAY" -n "$ROUTER" --join --listen 15102,15106 >"$WORK/log/second" 2>&1 </dev/null &
second=$!
disown $second
ok "a second relay" wait_for 10 grep -q listening "$WORK/log/second"
do_ok "the list is of both" flows -j
is "it names them" "$(value "o['relays']")" "['15002', '15102']"
do_ok "as text" flows
like "there is a column" "$OUT" "RELAY +ID"
id=$(id_of --proto tcp)
do_ok "a flow of one of them is ended" flows kill "$id" --relay 15002
stop $second
do_ok "the list is of one again" flows -j
is "it names it" "$(value "o['relays']")" "['15002']"

relay_stop
nok "the socket is gone" test -e "$(socket)"
ok "no sanitizer complains" relay_silent Sanitizer
refuses "no relay again" 1 'no relay runs' loader flows
finish
