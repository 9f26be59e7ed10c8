#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# doctor --bundle packs a report of a bug: complete, without passwords, for its owner only. Nothing
# half-written stays.
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/schema.sh
. "$LIB/schema.sh"

prepare nginx
cat >"$WORK/tproxy.conf" <<-'END'
	[loader]
	interfaces = r0
	[rule web]
	ports = 80
	proxy = relay
	[relay]
	listen = 15002
	upstream = socks5://alice:opensesame@10.77.2.2:1080, http://bob:hush%40hush@[fd77:2::2]:3128
END
# names may have any byte, and comments anything
printf '%s\n' 'table inet fw { comment "password opensesame"' 'chain in { type filter hook input priority 0; policy accept;' \
	$'iifname "ev\033[31mil" tcp dport { 22, 80-90 } drop comment "alice"' 'ct state established accept' '}' '}' >"$WORK/rules"
ok "a firewall" r nft -f "$WORK/rules"
ok "and an older one" r iptables-legacy -A INPUT -s 10.9.0.0/16 -p udp --dport 53 -m comment --comment hush -j REJECT
ok "the relay starts" relay_start
do_ok "apply a file with passwords" loader apply "$WORK/tproxy.conf"
like "save shows them" "$(loader save)" "opensesame"

unpack() { # FILE — into $WORK/tproxy-report
	rm -rf "$WORK/tproxy-report"
	tar -xzf "$1" -C "$WORK"
}
umask 022
do_ok "a bundle" loader doctor --bundle "$WORK/report.tar.gz"
like "it says what is in it" "$OUT" "policy.conf +the live policy"
like "and that it has addresses" "$OUT" "look at it before you send it"
is "only its owner may read it" "$(stat -c %a "$WORK/report.tar.gz")" 600
ok "it unpacks" unpack "$WORK/report.tar.gz"
is "as listed" "$(find "$WORK/tproxy-report" -type f -printf '%f\n' | sort | xargs)" \
	"$(sed -nE 's/^  ([a-z.]+) .*/\1/p' <<<"$OUT" | sort | xargs)"
for part in doctor.json status.json policy.conf versions.txt maps.txt interfaces.txt routing.txt \
	firewall.txt sysctls.txt listeners.txt; do
	ok "$part is not empty" test -s "$WORK/tproxy-report/$part"
done
nok "no password is in it" grep -rqE 'opensesame|hush|alice|bob' "$WORK/tproxy-report"
like "but the rest of the upstreams is" "$(<"$WORK/tproxy-report/policy.conf")" \
	'socks5://\*\*\*@10.77.2.2:1080.*http://\*\*\*@\[fd77:2::2\]:3128'
ok "the examination is valid" valid_json doctor "$WORK/tproxy-report/doctor.json"
is "the status is JSON" "$(json_value "o['rules'][0]['name']" <"$WORK/tproxy-report/status.json")" web
like "the rules are there" "$(<"$WORK/tproxy-report/routing.txt")" "150: .*fwmark 0x1000000"
like "and the routes" "$(<"$WORK/tproxy-report/routing.txt")" "local default dev lo table 15001"
like "and the interface" "$(<"$WORK/tproxy-report/interfaces.txt")" "r0 kind veth .*attached by (tcx|clsact)"
like "and the listener" "$(<"$WORK/tproxy-report/listeners.txt")" "port 15002 .*tproxy-relay"
like "and the packet filters" "$(<"$WORK/tproxy-report/firewall.txt")" \
	'nft chain inet fw in: input 0 accept.*1 iif=ev\?\[31mil proto=06 dport=0016,0050-005a drop.*2 ctstate&'
like "of both kinds" "$(<"$WORK/tproxy-report/firewall.txt")" \
	'iptables-legacy chain INPUT of table filter: input 0 accept.*saddr=0a090000-0a09ffff proto=11 dport=0035 reject'
nok "nothing in it moves a cursor" grep -qP '[^\x20-\x7e\n\t]' -r "$WORK/tproxy-report"
nok "no log without being asked" test -e "$WORK/tproxy-report/relay.log"

refuses "no file is overwritten" 1 'exists already' loader doctor --bundle "$WORK/report.tar.gz"
ln -s "$WORK/elsewhere" "$WORK/link"
refuses "no link is followed" 1 'exists already' loader doctor --bundle "$WORK/link"
nok "nothing is there" test -e "$WORK/elsewhere"
refuses "no directory" 1 'cannot write it: No such file' loader doctor --bundle "$WORK/no/dir.tar.gz"

echo "2026-01-01T00:00:00.000Z tcp 10.77.1.2:999 -> 10.77.2.2:80 via socks5://carol:letmein@h:1" >"$WORK/a.log"
do_ok "with a log, as JSON" loader -j doctor --bundle "$WORK/log.tar.gz" --with-logs "$WORK/a.log"
ok "the answer is valid" valid_json doctor-bundle "$WORK/out"
ok "it unpacks" unpack "$WORK/log.tar.gz"
like "the log is in it, without the password" "$(<"$WORK/tproxy-report/relay.log")" \
	'10.77.1.2:999 .*socks5://\*\*\*@h:1$'
refuses "a log without a bundle" 2 'belongs to --bundle' loader doctor --with-logs "$WORK/a.log"

refuses "no file name" 2 'name of a new file' loader doctor --bundle -
refuses "standard output is full" 1 'standard output: .*No space left' bash -c "'$LOADER' -n '$ROUTER' doctor >/dev/full"
refuses "also that of status" 1 'standard output: .*No space left' bash -c "'$LOADER' -n '$ROUTER' status >/dev/full"

# a disk that is full: right away, or in the middle
for size in 4k 8k; do
	mkdir -p "$WORK/small"
	mount -t tmpfs -o "size=$size" tmpfs "$WORK/small"
	head -c 4096 /dev/urandom >"$WORK/small/other"
	head -c 200000 /dev/urandom | base64 >"$WORK/large.log"
	refuses "$size of disk: says so" 1 'No space left.*nothing is left' \
		loader doctor --bundle "$WORK/small/report.tar.gz" --with-logs "$WORK/large.log"
	is "$size of disk: no file stays" "$(ls "$WORK/small")" other
	umount "$WORK/small"
done

do_ok "detach" loader detach --all
relay_stop
try loader doctor --bundle "$WORK/bare.tar.gz"
is "nothing is attached: there is a bundle" "$RC" 0
ok "it unpacks" unpack "$WORK/bare.tar.gz"
nok "without a status" test -e "$WORK/tproxy-report/status.json"
finish
