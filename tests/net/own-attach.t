#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# attach --local and detach --local: with interfaces and alone, in both orders, as a step of apply; what
# save, diff and status say of it; and that nothing is left.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"
. "$(dirname "$0")/../lib/schema.sh"

# hooks — how many programs are on the cgroup
hooks() { bpftool cgroup show "$CGROUP" 2>/dev/null | grep -c 'own_'; }
# has_rule — how many rules lead to the table of own traffic
has_rule() { { r ip -4 rule; r ip -6 rule; } | grep -c "fwmark $OWN_MARK/$OWN_MARK iif lo lookup $OWN_TABLE"; }
status() { loader -j status | json_value "' '.join(str(x) for x in ($1,))"; } # EXPRESSION, …
saved() { grep -qx -- "$1" "$WORK/saved.conf"; }
proxied() { # TEXT
	is "$1: TCP" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$(through $SERVER4 $PORT)"
	is "$1: TCP, IPv6" "$(sock tcp6 "connect=[$SERVER6]:$PORT" say)" "$(through $SERVER6 $PORT)"
	is "$1: UDP" "$(sock udp4 "ask=$SERVER4:$PORT")" "$(through $SERVER4 $PORT)"
	is "$1: connected UDP, IPv6" "$(sock udp6 "connect=[$SERVER6]:$PORT" say)" "$(through $SERVER6 $PORT)"
}
straight() { # TEXT
	is "$1: TCP" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$(around)"
	is "$1: UDP, IPv6" "$(sock udp6 "ask=[$SERVER6]:$PORT")" "$(around $ROUTER6)"
}

prepare
own_ways
own_cgroups
own_server || fatal "the server starts"
own_proxy || fatal "the proxy starts"
own_watch
snapshot >"$WORK/clean"
options=(--ports "$PORT,udp/$PORT" --proxy "$PROXY_PORT")

# --- refused, and nothing is left ---
refuses "an unknown treatment of bound sockets" 2 '--own-bound x: unknown value' loader attach --local --own-bound x
refuses "a mark without --local" 2 '--own-mark.* go with --local' loader attach r0 --own-mark 0x40
refuses "the mark of routed traffic" 1 'mark is the one of routed traffic.*--own-mark' \
	loader attach --local --cgroup "$CGROUP" --own-mark 0x1000000
unchanged "which leaves nothing" "$WORK/clean"
refuses "no such cgroup" 1 'cgroup /nothing: No such file' loader attach --local --cgroup /nothing
refuses "no cgroup" 1 'cgroup /run: not a cgroup of version 2' loader attach --local --cgroup /run
if [[ -d /sys/kernel/btf ]]; then
	mkdir "$WORK/no-btf"
	mount --bind "$WORK/no-btf" /sys/kernel/btf
	refuses "a kernel without BTF" 1 'needs a kernel with BTF' loader attach --local --cgroup "$CGROUP"
	umount /sys/kernel/btf
	unchanged "which leaves nothing, too" "$WORK/clean"
fi
r ip rule add fwmark 0x4000000/0x4000000 lookup 77 pref 1000
refuses "a mark that a rule of others uses" 1 'mark 0x4000000: rule 1000 already matches.*--own-mark and --own-table' \
	loader attach --local --cgroup "$CGROUP"
r ip rule del pref 1000
r ip route add 10.99.0.0/16 dev r1 table 15002
refuses "a table that others use" 1 'table 15002: it has routes of others' loader attach --local --cgroup "$CGROUP"
r ip route del 10.99.0.0/16 table 15002
unchanged "all of which leaves nothing" "$WORK/clean"

# --- dry run ---
do_ok "dry run" loader attach --local --cgroup "$CGROUP" --dry-run "${options[@]}"
for step in 'load programs for own traffic' 'attach own_lo to lo' \
	'ip -4 route add local default dev lo src 10\.77\.2\.1 table 15002 proto 116' \
	'ip -6 route add local fd74:7072:6f78:7900::/96 dev lo src fd77:2::1 table local proto 116' \
	'ip -4 rule add pref [0-9]+ iif lo fwmark 0x4000000/0x4000000 lookup 15002 protocol 116' \
	'attach own_egress' 'attach own_connect4'; do
	like "it shows: ${step%% src*}" "$ERR" "\[#\] .*$step"
done
unchanged "and changes nothing" "$WORK/clean"

# --- alone ---
do_ok "attach --local" loader attach --local --cgroup "$CGROUP" "${options[@]}"
own exclude "$CGROUP/proxy"
is "all hooks are there" "$(hooks)" 8
is "and a rule for each family" "$(has_rule)" 2
like "the rule of the call is for own traffic only" "$(loader rule list)" 'default-local: .*own traffic only'
proxied "alone"
loader -j status >"$WORK/status.json"
ok "status is valid" valid_json status "$WORK/status.json"
is "status: attached, no interface" "$(status "o['attached'], o['interfaces']")" "True []"
is "status: the cgroup" "$(status "o['own']['cgroup']")" "$CGROUP"
is "status: all hooks" "$(status "all(o['own']['hooks'].values()), len(o['own']['hooks']), o['own']['complete']")" "True 8 True"
is "status: sources" "$(status "o['own']['source4'], o['own']['source6']")" "$ROUTER4 $ROUTER6"
is "status: routing" "$(status "o['own']['routing4'], o['own']['routing6']")" "ok ok"
do_ok "status: exit status 0, although no interface is attached" loader status
try loader doctor
ok "doctor: the same" test "$RC" != 3
is "status: a token" "$(status "o['own']['tokens'] > 0")" True
like "status as text" "$(loader status)" "cgroup $CGROUP: hooks there, lo (tcx|clsact), routing IPv4 ok, IPv6 ok"
do_ok "again" loader attach --local --cgroup "$CGROUP" "${options[@]}"
unlike "changes nothing" "$ERR" 'own_|ip -[46] r|load programs'
do_ok "with other treatment of bound sockets" loader attach --local --own-bound deny
is "which status shows" "$(status "o['own']['bound'], o['own']['cgroup'] == '$CGROUP'")" "deny True"
refuses "another mark" 1 'mark 0x4000000 and table 15002 are in use already' loader attach --local --own-mark 0x8000000
loader save >"$WORK/saved.conf"
ok "save" saved "local = yes"
ok "save has how bound sockets are treated" saved "own-bound = deny"
unlike "save leaves out defaults" "$(<"$WORK/saved.conf")" 'own-mark|own-table'
do_ok "it is the live policy" loader diff "$WORK/saved.conf"
is "so there is no difference" "$OUT" ""
do_ok "detach --local --dry-run" loader detach --local --dry-run
is "leaves all there" "$(hooks) $(has_rule)" "8 2"
do_ok "detach --local" loader detach --local
is "no hook is left" "$(hooks) $(has_rule)" "0 0"
straight "detached"
is "status: not attached" "$(status "o['attached'], 'own' in o")" "False False"
do_ok "again" loader detach --local
like "is fine" "$ERR" 'own traffic: not attached'
do_ok "detach --all" loader detach --all
unchanged "and nothing is left" "$WORK/clean"

# --- a second state ---
do_ok "attach" loader attach --local --cgroup "$CGROUP" "${options[@]}"
second() { "$LOADER" -n "$ROUTER" --pin-dir "$PINS-2" "$@"; }
refuses "own traffic of a second state" 1 'own traffic: the state in .* has it already' \
	second attach --local --cgroup "$CGROUP" --own-mark 0x40 --own-table 999 --mark 0x100 --table 998
refuses "a second state with this mark" 1 'uses mark 0x4000000 and table 15002 for own traffic' \
	second attach r1 --mark 0x4000000 --table 998
do_ok "a second state for an interface" second attach r1 --ports 1 --mark 0x100 --table 998
do_ok "clean there" second clean
is "leaves own traffic alone" "$(hooks) $(has_rule)" "8 2"
do_ok "detach there" second detach --all
is "too" "$(hooks) $(has_rule)" "8 2"
do_ok "detach --all" loader detach --all
unchanged "and nothing is left" "$WORK/clean"

# --- missing parts ---
do_ok "attach" loader attach --local --cgroup "$CGROUP" "${options[@]}"
own exclude "$CGROUP/proxy"
rm -f "$PINS/links/own_connect4" "$PINS/links/own_lo"
r tc qdisc del dev lo clsact 2>/dev/null
r ip rule del iif lo fwmark $OWN_MARK/$OWN_MARK
r ip -6 route flush table $OWN_TABLE
r ip route del local $TOKENS4 dev lo table local
do_ok "attach repairs them" loader attach --local
proxied "repaired"
rm -f "$PINS/internal/tokens"
do_ok "also the maps" loader attach --local
own exclude "$CGROUP/proxy"
proxied "with new maps"
rm -f "$PINS/internal/own_config"
do_ok "detach --all without the configuration" loader detach --all
is "takes all off" "$(hooks)" 0
unchanged "and nothing is left" "$WORK/clean"

# --- with interfaces, in both orders ---
do_ok "an interface" loader attach r0 "${options[@]}"
do_ok "then own traffic" loader attach --local --cgroup "$CGROUP" "${options[@]}"
own exclude "$CGROUP/proxy"
proxied "both"
do_ok "the interface goes" loader detach r0
proxied "without the interface"
is "status" "$(status "len(o['interfaces']), o['own']['routing4'], o['sk_lookup']")" "0 ok True"
do_ok "it comes again" loader attach r0
do_ok "own traffic goes" loader detach --local
is "the interface stays" "$(status "[i['name'] for i in o['interfaces']], 'own' in o, o['sk_lookup']")" "['r0'] False True"
straight "only the interface"
do_ok "both in one call" loader attach r0 --local --cgroup "$CGROUP" "${options[@]}"
own exclude "$CGROUP/proxy"
proxied "in one call"
do_ok "detach both" loader detach r0 --local
do_ok "detach --all" loader detach --all
unchanged "and nothing is left" "$WORK/clean"

# --- a cgroup of another place ---
do_ok "for one cgroup" loader attach --local --cgroup "$CGROUP/app/inner" "${options[@]}"
own exclude "$CGROUP/proxy"
is "others are left alone" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$(around)"
do_ok "for the one above" loader attach --local --cgroup "$CGROUP"
is "the hooks have moved" "$(hooks) $(bpftool cgroup show "$CGROUP/app/inner" | grep -c own_)" "8 0"
is "others, too" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$(through $SERVER4 $PORT)"
do_ok "detach --all" loader detach --all
do_ok "for all" loader attach --local "${options[@]}"
is "the root has the hooks" "$(status "o['own']['cgroup'], all(o['own']['hooks'].values())")" "/ True"
do_ok "detach --all" loader detach --all
unchanged "and nothing is left" "$WORK/clean"

# --- another mark and table, clsact ---
do_ok "by clsact, with another mark and table" loader attach --local --cgroup "$CGROUP" --own-mark 0x40 \
	--own-table 999 --hook clsact "${options[@]}"
own exclude "$CGROUP/proxy"
proxied "clsact"
is "status" "$(status "o['own']['mark'], o['own']['table'], o['own']['lo']")" "64 999 clsact"
loader save >"$WORK/saved.conf"
ok "save has the mark" saved "own-mark = 0x40"
ok "save has the table" saved "own-table = 999"
do_ok "clean" loader clean
proxied "clean keeps it"
do_ok "detach" loader detach --local
do_ok "detach --all" loader detach --all
unchanged "and nothing is left" "$WORK/clean"

# --- apply ---
conf() { # LINE… — of [loader]
	{
		printf '[loader]\n'
		printf '%s\n' "$@"
		printf '[rule a]\nlocal = yes\nports = %s udp/%s\nproxy = %s\n' $PORT $PORT $PROXY_PORT
	} >"$WORK/own.conf"
}
conf "local = yes"
do_ok "apply attaches" loader apply "$WORK/own.conf"
is "all" "$(status "o['own']['cgroup'], all(o['own']['hooks'].values()), o['own']['lo'] != 'none'")" "/ True True"
do_ok "diff" loader diff "$WORK/own.conf"
is "has no difference" "$OUT" ""
conf "interfaces = r0"
do_ok "a file that does not name it" loader apply "$WORK/own.conf"
is "leaves it as it is" "$(status "'own' in o, len(o['interfaces'])")" "True 1"
try loader diff "$WORK/own.conf"
like "diff says so" "$OUT" 'interface lo \(local\): attached, but not in the file: stays attached \(tproxy-loader detach --local\)'
conf "interfaces = r0" "local = no"
do_ok "local = no" loader apply "$WORK/own.conf"
is "detaches it" "$(status "'own' in o, len(o['interfaces'])") $(has_rule)" "False 1 0"
conf "interfaces = r0" "local = yes" "own-bound = deny"
do_ok "and attached again" loader apply "$WORK/own.conf"
is "as the file says" "$(status "o['own']['bound']")" deny
do_ok "rollback" loader rollback
is "keeps it" "$(status "'own' in o")" True
do_ok "detach --all" loader detach --all
unchanged "and nothing is left" "$WORK/clean"

# --- the proxied flows ---
do_ok "attach" loader attach --local --cgroup "$CGROUP" "${options[@]}"
own exclude "$CGROUP/proxy"
app "${PY[@]}" tcp4 "connect=$SERVER4:$PORT" say "wait=$WORK/go" say >"$WORK/flow.out" 2>&1 &
SERVE_PIDS+=($!)
ok "a flow" wait_for 10 grep -q proxy "$WORK/flow.out"
do_ok "detach --local --keep-flows" loader detach --local --keep-flows
is "new flows are direct" "$(sock tcp4 "connect=$SERVER4:$PORT" say)" "$(around)"
is "it drains" "$(status "o['own']['draining'], o['own']['hooks']['own_connect4'], o['own']['hooks']['own_egress']")" \
	"True False True"
touch "$WORK/go"
said() { [[ $(paste -sd' ' "$WORK/flow.out") == "$(through "$SERVER4" "$PORT") $(through "$SERVER4" "$PORT")" ]]; }
wait_for 30 said
is "the flow continues" "$(paste -sd' ' "$WORK/flow.out")" "$(through $SERVER4 $PORT) $(through $SERVER4 $PORT)"
gone() { [[ $(status "'own' in o") == False ]]; }
ok "and is detached after it" wait_for 20 gone
do_ok "detach --all" loader detach --all
unchanged "and nothing is left" "$WORK/clean"
finish
