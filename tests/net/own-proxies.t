#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Other proxies than ours that connect onward from this host, in the cgroup of the applications: found
# by the sockets of their listeners and left alone, with the processes they start; or left alone by their
# cgroup alone, or by their mark alone. An answer has one "via" for each time that it went through.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

prepare
# le64 NUMBER — as bpftool wants it
le64() {
	local i

	for ((i = 0; i < 8; i++)); do printf '%d ' $(($1 >> (8 * i) & 255)); done
}
# as own_attach, but nobody is excluded
attach_only() { loader attach --local --cgroup "$CGROUP" && own forget; }

proxy() { # CGROUP [PORT [MODE [MARK]]]
	rm -f "$WORK/log/onward"
	serve_run onward "$ROUTER" sh -c "echo \$\$ >$CGROUP/$1/cgroup.procs; exec python3 $LIB/own_onward.py ${*:2}"
	ONWARD_PID=$!
	wait_for 60 grep -q ready "$WORK/log/onward"
}
proxy_stop() { stop "$ONWARD_PID" KILL; }
seen() { # FAMILY WORDS…, as the application sees it: TCP, UDP, connected UDP
	local server=$SERVER4 self=$ROUTER4

	[[ $1 == 4 ]] || server=$SERVER6 self=$ROUTER6
	is "$3, IPv$1: TCP" "$(sock "tcp$1" "connect=$(at $server $PORT)" say)" "$2direct $self 2"
	is "$3, IPv$1: UDP" "$(sock "udp$1" "ask=$(at $server $PORT)")" "$2direct $self 2"
	is "$3, IPv$1: connected UDP" "$(sock "udp$1" "connect=$(at $server $PORT)" say)" "$2direct $self 2"
}
once() { seen 4 "via " "$1" && seen 6 "via " "$1"; }

own_cgroups
own_ways
own_server || fatal "the server starts"
do_ok "attach" loader attach r0 --local --cgroup "$CGROUP" --proxy $PROXY_PORT --ports $PORT,udp/$PORT

# --- by its processes ---
for mode in one fork shell; do
	ok "$mode: the proxy starts" proxy app $PROXY_PORT $mode
	do_ok "$mode: attach for own traffic" attach_only
	is "$mode: its processes are found" "$(own proxies)" ""
	once "$mode"
	proxy_stop
	ok "$mode: it starts again" proxy app $PROXY_PORT $mode
	is "$mode: its new processes are found" "$(own proxies)" ""
	is "$mode: those that ended are forgotten" \
		"$(bpftool map dump pinned "$PINS/internal/own_tasks" -j | grep -o '"pid":' | wc -l)" 1
	once "$mode, again"
	proxy_stop
	do_ok "$mode: detach own traffic" own_detach
done

# --- in a PID namespace of its own, as in a container ---
rm -f "$WORK/log/onward"
serve_run onward "$ROUTER" sh -c "echo \$\$ >$CGROUP/app/cgroup.procs; exec unshare --pid --fork --kill-child --mount-proc python3 $LIB/own_onward.py $PROXY_PORT fork"
ONWARD_PID=$!
ok "a proxy in a PID namespace starts" wait_for 60 grep -q ready "$WORK/log/onward"
do_ok "a PID namespace: attach for own traffic" attach_only
is "a PID namespace: its processes are found" "$(own proxies)" ""
once "a PID namespace"
proxy_stop
do_ok "a PID namespace: detach own traffic" own_detach

# --- beside programs of users who have more descriptors than the search reads ---
app "${PY[@]}" udp4 descriptors=2000000 "wait=$WORK/never" >"$WORK/crowd" &
crowd=$!
ok "a crowd has its descriptors" wait_for 60 grep -q full "$WORK/crowd"
ok "a crowd: the proxy starts" proxy app $PROXY_PORT one
do_ok "a crowd: attach for own traffic" attach_only
is "a crowd: its processes are found" "$(own proxies)" ""
once "a crowd"
stop $crowd KILL
proxy_stop
do_ok "a crowd: detach own traffic" own_detach

# --- by its cgroup alone, which is made again ---
do_ok "attach for own traffic" attach_only
own_paths() { own paths "/${CGROUP##*/}/proxy"; }
do_ok "own-exclude names a cgroup" own_paths
ok "the proxy starts in it" proxy proxy $PROXY_PORT
once "a cgroup"
proxy_stop
rmdir "$CGROUP/proxy" && mkdir "$CGROUP/proxy"
do_ok "the cgroup is made again" own paths
ok "the proxy starts in the new one" proxy proxy $PROXY_PORT
once "the new cgroup"
proxy_stop

# --- by its mark alone ---
do_ok "a mark" own set relay-mark 0x99
ok "the proxy with the mark starts" proxy app $PROXY_PORT one 0x99
once "a mark"
proxy_stop
do_ok "detach own traffic" own_detach

# --- the cgroup of a service that is nothing but the proxy ---
service=$CGROUP/app/inner/proxy.service
mkdir "$service"
ok "the proxy starts as a service" proxy app/inner/proxy.service $PROXY_PORT
do_ok "attach for own traffic again" attach_only
is "its cgroup is found" "$(own proxies)" "/${service#"$CGROUPS/"}"
once "a service"
proxy_stop
ok "another process of the service starts" proxy app/inner/proxy.service $PROXY_PORT
once "the service, started again"

# --- made again, as systemd does at each start: known before the first connection ---
serve_run follow "$ROUTER" "$OWN" follow "$PINS"
follower=$!
is_followed() { grep -q followed "$WORK/log/follow"; }
ok "somebody watches" wait_for 10 is_followed
proxy_stop
ok "the cgroup is removed" wait_for 5 rmdir "$service"
mkdir "$service"
service_id=$(r "$OWN" id "$service")
# shellcheck disable=SC2046 # eight words
is_noted() { bpftool map lookup pinned "$PINS/internal/own_excluded" key $(le64 "$service_id"); }
ok "the new cgroup is left alone before a process is in it" wait_for 10 is_noted
stop $follower
ok "the proxy starts in it" proxy app/inner/proxy.service $PROXY_PORT
once "the service, made again"

# shellcheck disable=SC2016
r sh -c 'echo $$ >"$0/cgroup.procs"; exec sleep 600' "$service" &
other=$!
wait_for 10 grep -q "proxy.service" "/proc/$other/cgroup"
do_ok "detach" own_detach
do_ok "attach once more" attach_only
is "a service that has other processes, too, is not left alone as a whole" "$(own proxies)" ""
once "such a service"
stop "$other"
proxy_stop
wait_for 10 rmdir "$service"
do_ok "detach own traffic at the end" own_detach
do_ok "detach all" loader detach --all
finish
