#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Rules for the host's own traffic: files, commands and maps agree about local, uid, gid and cgroup.
# The role of lo is written by hand: what it leads to is in other tests.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/schema.sh"

prepare
C2=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
CG=tproxy-own-policy-$RANDOM$RANDOM
mkdir "$C2/$CG" "$C2/$CG/inner" 2>/dev/null || skip_inside "no cgroup2 to write to"
own_exit() {
	local rc=$?

	rmdir "$C2/$CG/inner" "$C2/$CG"
	(exit "$rc")
	test_exit
}
trap own_exit EXIT
cgroup_id() { stat -c %i "$C2$1"; }

# owners — "KIND/LENGTH ID MASK", one entry a line, numbers decimal
owners() {
	bpftool -j map dump pinned "$PINS/owners" | python3 -c '
import json, struct, sys
for e in json.load(sys.stdin):
    key = bytes(int(b, 16) for b in e["key"])
    length, kind, ident = struct.unpack("<IB3x", key[:8]) + (int.from_bytes(key[8:16], "big"),)
    mask = int.from_bytes(bytes(int(b, 16) for b in e["value"]), "little")
    print("%s/%d %d %#x" % (("uid", "gid", "cgroup")[kind], length, ident, mask))' | sort
}
mask_of() { # IFINDEX
	bpftool -j map dump pinned "$PINS/ifaces" | python3 -c '
import json, sys
for e in json.load(sys.stdin):
    if int.from_bytes(bytes(int(b, 16) for b in e["key"]), "little") == int(sys.argv[1]):
        print(int.from_bytes(bytes(int(b, 16) for b in e["value"][:8]), "little"))' "$1"
}
r0_index() { r ip -o link show r0 | cut -d: -f1; }

do_ok "attach" loader attach r0 --ports 80
is "a rule for what enters has no owners" "$(owners)" ""

# ---- commands
do_ok "a rule for own traffic, too" loader rule add both --local --ports 22
do_ok "one for own traffic only" loader rule add mine --local=only --uid nobody,1000-1999 --gid 7 \
	--cgroup "/$CG,$CG/inner" --ports 443
like "the list shows them" "$(loader rule list)" \
	"mine: tcp/443, own traffic only of uid nobody,1000-1999, gid 7, cgroup /$CG,/$CG/inner, from"
like "also the first" "$(loader rule list)" 'both: tcp/22, own traffic, from'
loader -j rule list >"$WORK/list"
ok "the list as JSON is as its schema says" valid_json rule-list "$WORK/list"
is "it has the owners" "$(python3 -c '
import json, sys
r = json.load(open(sys.argv[1]))["rules"]
print(r[0]["local"], r[1]["local"], r[2]["local"], *r[2]["uid"], *r[2]["gid"], len(r[2]["cgroup"]),
      "uid" in r[1])' "$WORK/list")" "no yes only nobody 1000-1999 7 2 False"
is "an interface leaves out what is for own traffic only" "$(mask_of "$(r0_index)")" 3
like "the map has the user" "$(owners)" 'uid/96 65534 0x6'
like "and ranges" "$(owners)" 'uid/87 1024 0x6'
like "for all users the other rule" "$(owners)" 'uid/32 0 0x2'
like "and the group" "$(owners)" 'gid/96 7 0x6'
like "and the cgroups by id" "$(owners)" "cgroup/96 $(cgroup_id "/$CG/inner") 0x6"

refuses "an owner without own traffic" 2 '--uid: flows that enter have no owner here' \
	loader rule add x --uid 0 --ports 1
refuses "an interface for own traffic only" 2 '--interface: the rule is for own traffic only' \
	loader rule add x --local=only --interface r0 --ports 1
refuses "a user that is not there" 2 '--uid no-such-user: no such user' \
	loader rule add x --local --uid no-such-user --ports 1
refuses "a range that is none" 2 '--uid 9-5: ids are 0 to 4294967294' \
	loader rule add x --local --uid 9-5 --ports 1
like "bpftool commands have the owners" \
	"$(loader rule add x --local=only --uid 5 --ports 1 --show-bpftool)" \
	"map update pinned $PINS/owners key 96 0 0 0 0 0 0 0 0 0 0 0 0 0 0 5 value 10 0 0 0 0 0 0 0"

# ---- files
do_ok "save" loader save
echo "$OUT" >"$WORK/saved.conf"
like "names stay names" "$OUT" 'uid = nobody 1000-1999'
like "and paths stay paths" "$OUT" "cgroup = /$CG /$CG/inner"
do_ok "what save prints makes no difference" loader diff "$WORK/saved.conf"
do_ok "apply it" loader apply "$WORK/saved.conf"
do_ok "then nothing was edited since" loader diff
before=$(owners)
sed -i '/^\[rule mine\]/,$ s/^uid = .*/uid = nobody 1000-1099/; s/^gid = .*/gid = daemon/' "$WORK/saved.conf"
try loader diff "$WORK/saved.conf"
is "diff of another file" "$RC: $(grep -c . <<<"$OUT")" "4: 4"
like "it shows the range" "$OUT" 'rule mine: - uid = 1000-1999'
like "it shows the name" "$OUT" 'rule mine: \+ gid = daemon'
loader -j diff "$WORK/saved.conf" >"$WORK/diff" || true
ok "as JSON as its schema says" valid_json diff "$WORK/diff"
do_ok "apply" loader apply "$WORK/saved.conf"
unlike "other ids are gone" "$(owners)" 'uid/87 1024'
do_ok "rollback" loader rollback
is "brings the owners back" "$(owners)" "$before"
like "and their names" "$(loader save)" 'uid = nobody 1000-1999'

# ---- edits by hand
ok "a user added by hand" bpftool map update pinned "$PINS/owners" \
	key 96 0 0 0 0 0 0 0 0 0 0 0 0 0 0 9 value 6 0 0 0 0 0 0 0
like "is in the list" "$(loader rule list)" 'uid nobody,9,1000-1999'
try loader diff
like "and in diff" "$OUT" 'rule mine: \+ uid = 9$'
do_ok "another rule" loader rule add more --local --uid 9-10 --ports 8443
like "leaves it" "$(loader rule list)" 'uid nobody,9,1000-1999'
do_ok "deletion" loader rule del mine
is "takes the owners along" "$(owners | grep -c 0x6)" 0

# ---- the entry of lo
ok "own traffic is attached" bpftool map update pinned "$PINS/ifaces" key 1 0 0 0 \
	value 0 0 0 0 0 0 0 0 4 0 0 0 0 0 0 0 108 111 0 0 0 0 0 0 0 0 0 0 0 0 0 0
do_ok "a rule" loader rule add own --local=only --ports 1
is "is in force on lo, with the others" "$(mask_of 1)" $((1 << 4))
do_ok "apply" loader apply "$WORK/saved.conf"
is "gives lo its rules" "$(mask_of 1) $(mask_of "$(r0_index)")" "6 3"
like "save knows it" "$(loader save | tr '\n' ' ')" 'interfaces = r0 local = yes'
try loader diff "$WORK/saved.conf"
like "diff knows it" "$OUT" 'interface lo \(local\): attached, but not in the file'

# ---- test --local
answers() { # TEXT CODE ERE OPTION...
	local text=$1 code=$2 ere=$3
	shift 3

	try loader test --local "$@"
	is "$text: exit" "$RC" "$code"
	like "$text" "$OUT" "$ere"
}
cat >"$WORK/own.conf" <<END
[rule user]
local = only
uid = nobody
ports = 443
action = pass
[rule group]
local = only
cgroup = /$CG
gid = 7
action = drop
[rule rest]
local = yes
ports = 443 22
on-proxy-down = reset
[rule routed]
END
answers "test: a user" 6 'in lo: rule 0 user: left alone' --config "$WORK/own.conf" --uid nobody tcp $GATE4 $SERVER4:443
answers "test: another one" 0 'in lo: rule 2 rest: proxy relay' --config "$WORK/own.conf" --uid 5 tcp $GATE4 $SERVER4:443
answers "test: a cgroup below" 7 'in lo: rule 1 group: dropped' --config "$WORK/own.conf" --gid 7 \
	--cgroup "$CG/inner" tcp $GATE6 "[$SERVER6]:9"
answers "test: by id it has none above it" 6 'rule group is for other users' --config "$WORK/own.conf" --gid 7 \
	--cgroup "$(cgroup_id "/$CG/inner")" tcp $GATE6 "[$SERVER6]:9"
answers "test: no rule for others" 6 'rule group is for other users' --config "$WORK/own.conf" tcp $GATE4 $SERVER4:80
answers "test: an address of this host" 6 'addressed to this host' --config "$WORK/own.conf" tcp $GATE4 $GATE4:443
answers "test: loopback" 6 'addressed to this host' --config "$WORK/own.conf" tcp 127.0.0.1 127.0.0.1:443
do_ok "apply these" loader apply "$WORK/own.conf"
answers "test: nobody listens" 5 'rule 2 rest: proxy relay: there is no listener: refused' tcp $GATE4 $SERVER4:443
loader -j test --local tcp $GATE4 $SERVER4:443 >"$WORK/answer"
ok "test as JSON as its schema says" valid_json test "$WORK/answer"
refuses "test: an owner of a flow that enters" 2 '--uid: flows that enter have no owner' \
	loader test --uid 5 tcp $CLIENT4 $SERVER4:443
refuses "test: two users" 2 '--uid takes one name or id' loader test --local --uid 5,6 tcp $GATE4 $SERVER4:443

# ---- check
conf() { printf '%s\n' "$@" >"$WORK/check.conf"; }
conf '[rule a]' 'local = only' 'uid = no-such-user'
refuses "check: a user that is not there" 1 'check.conf:1: \[rule a\]: uid = no-such-user: no such user' \
	loader check "$WORK/check.conf"
conf '[loader]' 'local = yes' '[rule a]' 'local = only' "cgroup = /$CG/nosuch /$CG"
try loader check "$WORK/check.conf"
is "check: a cgroup may come later" "$RC" 4
like "it says so" "$ERR" "cgroup = /$CG/nosuch: no such cgroup now"
conf '[loader]' 'local = yes' 'own-exclude = /nosuch' '[rule a]' 'local = only' 'ports = 99'
try loader check "$WORK/check.conf"
like "check: a cgroup of own-exclude that is not there" "$RC $ERR" '^4 .*check.conf:3: own-exclude = /nosuch: no such cgroup now'
conf '[rule a]' 'local = only' '[rule b]' 'local = yes' 'ports = 99' '[rule c]' 'ports = 98'
try loader check "$WORK/check.conf"
like "check: own traffic is not attached" "$ERR" 'rule a\]: local = only, but not in \[loader\] \(local = yes\): the rule never matches'
like "half of the rule" "$ERR" 'rule b\]: .*does not match own traffic'
do_ok "detach" loader detach --all

# ---- attach
do_ok "attach" loader attach r0 --ports 80
do_ok "own traffic of a user" loader attach --local --uid nobody --ports 443
like "has a rule of its own" "$(loader rule list)" 'default-local: tcp/443, own traffic only of uid nobody, '
do_ok "the same user" loader attach --local --uid 65534 --ports 22
like "extends it" "$(loader rule list)" 'default-local: tcp/22,tcp/443, own traffic only of uid nobody, '
do_ok "another user" loader attach --local --uid 5 --ports 443
like "gets another rule" "$(loader rule list)" 'default-local-2: tcp/443, own traffic only of uid 5, '
do_ok "the interface again" loader attach r0 --ports 81
like "meets its own rule" "$(loader rule list)" 'default: tcp/80-81 from'
do_ok "both" loader attach r0 --local --ports 82
like "extend the rule of the interface" "$(loader rule list)" 'default: tcp/80-82, own traffic, from'
refuses "owners of nothing" 2 '--gid: flows that enter have no owner' loader attach r0 --gid 5 --ports 80
refuses "a cgroup of nothing" 2 '--cgroup goes with --local' loader attach r0 --cgroup /x
do_ok "detach all" loader detach --all

# ---- watch follows a cgroup
do_ok "attach" loader attach r0 --ports 80
do_ok "a rule for two cgroups" loader rule add two --local=only --cgroup "/$CG,/$CG/inner" --ports 443
nsenter --net="/run/netns/$ROUTER" -- "$LOADER" --pin-dir "$PINS" watch >"$WORK/log/watch" 2>&1 &
watching=$!
has() { owners | grep -q "cgroup/96 $1 "; }
has_no() { ! has "$1"; }
old=$(cgroup_id "/$CG/inner")
ok "the map has its id" has "$old"
rmdir "$C2/$CG/inner"
ok "it is gone: its id goes" wait_for 20 has_no "$old"
like "the rule still names it" "$(loader rule list)" "two: .*cgroup /$CG,/$CG/inner, from"
ok "the other one stays" has "$(cgroup_id "/$CG")"
mkdir "$C2/$CG/inner"
ok "it is back: with its new id" wait_for 20 has "$(cgroup_id "/$CG/inner")"
like "save has the path" "$(loader save)" "cgroup = /$CG /$CG/inner"
ok "watch says so" grep -q "rule two: cgroup /$CG/inner is a new one" "$WORK/log/watch"
kill $watching
wait $watching
is "watch ends" $? 0
do_ok "detach all" loader detach --all

# ---- the state of a build that had no owners
# older — as that build leaves it: without the maps, and with the number of another build
older() {
	rm "$PINS/owners" "$PINS/internal/owners_gen"
	python3 - "$PINS/config" <<-'END'
		import json, subprocess, sys
		run = lambda *words: subprocess.run(["bpftool", "-j", "map", *words], check=True, capture_output=True).stdout
		value = json.loads(run("lookup", "pinned", sys.argv[1], "key", "0", "0", "0", "0"))["value"]
		value[20] = "0x%02x" % (int(value[20], 16) ^ 1)
		run("update", "pinned", sys.argv[1], "key", "0", "0", "0", "0", "value", *value)
	END
}
printf '[loader]\ninterfaces = r0\n[rule default]\nports = 80\n[rule second]\nports = 81\n' >"$WORK/two.conf"
for turn in even odd; do
	do_ok "$turn generation: attach" loader attach r0 --ports 80
	[[ $turn == even ]] || do_ok "$turn generation: apply" loader apply "$WORK/two.conf"
	older
	do_ok "$turn generation: another build reads the state" loader rule list
	do_ok "$turn generation: and edits it" loader rule add also --ports 82
	refuses "$turn generation: but has no place for owners" 1 'an older build made it, which knows no own traffic' \
		loader rule add own --local=only --uid 5 --ports 1
	unlike "$turn generation: the rule is not left there" "$(loader rule list)" ' own:'
	do_ok "$turn generation: attach replaces its programs" loader attach r0
	do_ok "$turn generation: then there is one" loader rule add own --local=only --uid 5 --ports 1
	like "$turn generation: the map has them" "$(owners)" 'uid/96 5 '
	like "$turn generation: the list, too" "$(loader rule list)" 'own: tcp/1, own traffic only of uid 5'
	if [[ $turn == odd ]]; then
		do_ok "$turn generation: rollback to what the older build had" loader rollback
		unlike "$turn generation: without owners" "$(loader rule list)" 'uid'
		do_ok "$turn generation: an edit of it" loader rule add back --local --gid 6 --ports 1
		like "$turn generation: in the live map" "$(owners)" 'gid/96 6 '
		do_ok "$turn generation: and forth" loader rollback
		like "$turn generation: with owners" "$(loader rule list)" 'own: tcp/1, own traffic only of uid 5'
	fi
	do_ok "$turn generation: detach" loader detach --all
done
finish
