#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A million prefixes from a list are applied, looked up, replaced and freed under traffic. The
# test shows how long it takes and the longest connection meanwhile, but does not judge them.
. "$(dirname "$0")/../lib/test.sh"

RATE=$TOP/build/tests/helpers/connrate
[[ $(awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo) -ge 1500 ]] ||
	skip_inside "needs 1.5 GB of memory"

prepare
python3 - "$WORK/list.txt" <<-'LIST'
	import random, sys
	random.seed(1)
	seen = set()
	while len(seen) < 1000000:
	    length = random.choice((22, 24, 24, 24, 28, 32, 32))
	    # half of IPv4, so that the test network is in none
	    seen.add((random.getrandbits(32) >> 32 - length << 32 - length | 0x80000000, length))
	with open(sys.argv[1], "w") as out:
	    for a, n in sorted(seen, key=lambda x: hash(x)):
	        print("%d.%d.%d.%d/%d" % (a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, n), file=out)
LIST
cat >"$WORK/small.conf" <<-'CONF'
	[loader]
	interfaces = r0
	[rule proxied]
	ports = 7007
	proxy = 9001
CONF
{
	printf '[loader]\ninterfaces = r0\n[rule blocked]\nto = @list.txt\naction = drop\n'
	sed 1,2d "$WORK/small.conf"
} >"$WORK/big.conf"
inside=$(head -n 1 "$WORK/list.txt")
inside=${inside%/*}

serve_run proxy-a "$ROUTER" "$RATE" serve 9001 A
ok "a proxy listens" wait_for 10 listening "$ROUTER" tcp 9001
do_ok "a small policy" loader apply "$WORK/small.conf"
nsenter --net="/run/netns/$CLIENT" -- "$RATE" run $SERVER4 7007 >"$WORK/counts" 2>"$WORK/log/client" &
client=$!

timed() { # DESCRIPTION CMD…
	local start
	start=$(date +%s%N)
	do_ok "$@"
	echo "# $1: $((($(date +%s%N) - start) / 1000000)) ms"
}
rule_of() { loader -j test tcp $CLIENT4 "$1:7007" | json_value "o['rule']"; }

memory() { awk '/^(SUnreclaim|Percpu|VmallocUsed)/ { n += $2 } END { print int(n / 1024) }' /proc/meminfo; }
before=$(memory)
timed "apply a million prefixes" loader -j apply "$WORK/big.conf"
is "all exist" "$(json_value "o['prefixes']" <<<"$OUT")" 1000006
echo "# kernel memory: $(($(memory) - before)) MiB more; the loader says $(json_value "o['memory_bytes'] >> 20" <<<"$OUT")"
is "one of them is found" "$(rule_of "$inside")" blocked
is "the others are not concerned" "$(rule_of $SERVER4)" proxied
timed "no difference" loader diff "$WORK/big.conf"
# the proxy listens for IPv4 only
status_of_it() { loader status; [[ $? -eq 4 ]]; }
timed "status" status_of_it
timed "rollback" loader rollback
is "is a rollback" "$(rule_of "$inside")" proxied
timed "forward again" loader rollback
is "the million is back" "$(rule_of "$inside")" blocked
timed "one prefix less by hand" loader cidr del --rule blocked "$(head -n 1 "$WORK/list.txt")"
is "it is gone" "$(rule_of "$inside")" proxied
timed "replaced by the small policy" loader apply "$WORK/small.conf"
timed "and once more, which frees the million" loader rule add x --before proxied --ports 9 --action pass
# a terminal sees how far it is
script -qec "'$LOADER' -n '$ROUTER' apply '$WORK/big.conf'" "$WORK/typescript" >"$WORK/log/script" 2>&1
like "a terminal sees progress" "$(<"$WORK/typescript")" '[0-9]+ of 9[0-9]{5} prefixes'
kill -TERM $client
wait $client
echo "# connections meanwhile: $(<"$WORK/counts")"
like "none of them failed" "$(<"$WORK/counts")" ' A=[0-9]+ failed=0 '

# the kernel frees what detach leaves
serve_run direct "$SERVER" "$RATE" serve 7007 D
ok "a server for direct flows" wait_for 10 listening "$SERVER" tcp 7007
nsenter --net="/run/netns/$CLIENT" -- "$RATE" run $SERVER4 7007 >"$WORK/counts" 2>"$WORK/log/client" &
client=$!
timed "detach" loader detach --all
freed() { [[ $(($(memory) - before)) -lt 64 ]]; }
wait_for 20 freed
echo "# kernel memory afterwards: $(($(memory) - before)) MiB more"
kill -TERM $client
wait $client
echo "# connections meanwhile: $(<"$WORK/counts")"
like "after the detach they went straight" "$(<"$WORK/counts")" ' D=[0-9]+ '
finish
