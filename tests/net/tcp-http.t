#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A 100 MB file arrives whole through the relay, in both families, and the log says who, where and
# how much.
. "$(dirname "$0")/../lib/test.sh"

prepare nginx
serve_big
sum=$(sum_of "$WORK/www/big")
ok "the relay starts" relay_start
do_ok "attach" loader attach r0 --ports 22,80,8080,udp/53 --to 10.77.2.0/24,fd77:2::/64
ok "new flows go through the relay" steering $SERVER4 $SERVER6
bypass_reset

download() { # ADDRESS PORT — as sha256
	c curl -gsS -m 60 "http://$(bracket "$1"):$2/big" | sha256sum | cut -d' ' -f1
}

check() { # CLIENT ADDRESS ROUTER-ADDRESS
	local port

	for port in 80 8080; do
		is "100 MB from $2 port $port" "$(download "$2" $port)" "$sum"
		ok "its record names client, destination and bytes" relay_says \
			"$(record tcp "$1" "$2" $port "via $(escaped "$(bracket "$3")"):[0-9]+ up=[0-9]+ down=1048[0-9]{5} dur=[0-9.]+ end=")"
	done
	is "the upload of 20 MB is whole" "$(upload "$2")" 20971520
}

upload() { # ADDRESS — prints how much the server has when it has all
	head -c 20971520 /dev/urandom >"$WORK/upload"
	c socat -u "FILE:$WORK/upload" "TCP:$(bracket "$1"):9009"
	wait_for 20 uploaded
	stat -c %s "$WORK/uploaded"
}

uploaded() { cmp -s "$WORK/upload" "$WORK/uploaded"; }

do_ok "the port of the upload server is added" loader port add tcp/9009
serve_run upload "$SERVER" socat -u TCP6-LISTEN:9009,fork,ipv6only=0,reuseaddr "CREATE:$WORK/uploaded"
wait_for 10 listening "$SERVER" tcp 9009

check $CLIENT4 $SERVER4 $ROUTER4
check $CLIENT6 $SERVER6 $ROUTER6
bypass_none "no packet went past the relay"
unlike "packets of established flows are counted" "$(counter owned)" '^0?$'
finish
