#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A container with a network namespace of its own behind a bridge, in a cgroup of the hooks: its flows
# are no own traffic, attach of the bridge takes them. A container with --net=host has no namespace of
# its own; its cgroup tells it apart.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/own.sh"

CONTAINER=${ROUTER%-r}-k
BOX4=10.77.8.2 BOX6=fd77:8::2

in_box() { # CMD… — in the container, in the cgroup app
	# shellcheck disable=SC2016
	nsenter --net="/run/netns/$CONTAINER" -- sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$CGROUP/app" "$@"
}
get() { # CMD… ADDRESS — whom the server sees
	"${@:1:$#-1}" curl -gsS -m 8 "http://$(bracket "${*: -1}")/whoami" | cut -d' ' -f1
}
datagram() { # FAMILY — what a datagram of the container's gets for an answer
	local to=$SERVER4

	[[ $1 == 4 ]] || to=[$SERVER6]
	in_box "${PY[@]}" "udp$1" "ask=$to:$PORT" 2>&1
}

container() {
	ip netns add "$CONTAINER"
	r ip link add docker0 type bridge forward_delay 0
	r ip link add v0 type veth peer name eth0 netns "$CONTAINER"
	r ip link set v0 master docker0 up
	topo_address "$ROUTER" docker0 10.77.8.1/24 fd77:8::1/64
	ip -n "$CONTAINER" link set lo up
	topo_address "$CONTAINER" eth0 $BOX4/24 $BOX6/64
	ip -n "$CONTAINER" route add default via 10.77.8.1
	ip -n "$CONTAINER" route add default via fd77:8::1
}

prepare nginx
own_ways
own_cgroups
own_server || fatal "the server starts"
mkdir "$CGROUP/app/host"
container
reached() { [[ $(get in_box "$SERVER4") == "$BOX4" && $(get in_box "$SERVER6") == "$BOX6" ]]; }
ok "the container reaches the servers" wait_for 30 reached
ok "the relay starts" relay_start
do_ok "attach --local" loader attach --local --cgroup "$CGROUP" --ports "80,$PORT,udp/$PORT"
is "what the host sends is taken" "$(get app $SERVER4)" $ROUTER4
ok "the relay has it" relay_says "$(record tcp $ROUTER4 $SERVER4 80)"

# --- a namespace of its own ---
is "the container is left alone" "$(get in_box $SERVER4) $(get in_box $SERVER6)" "$BOX4 $BOX6"
is "and its datagrams" "$(datagram 4)" "$(around $BOX4)"
is "IPv6, too" "$(datagram 6)" "$(around $BOX6)"
ok "the relay has none of it" relay_silent "$(escaped $BOX4):|$(escaped "[$BOX6]"):"
do_ok "attach the bridge" loader attach docker0 --ports "80,$PORT,udp/$PORT"
is "then it is taken" "$(get in_box $SERVER4) $(get in_box $SERVER6)" "$ROUTER4 $ROUTER6"
ok "the relay has it" relay_says "$(record tcp $BOX4 $SERVER4 80)"
ok "IPv6, too" relay_says "$(record tcp $BOX6 $SERVER6 80)"
is "and its datagrams" "$(datagram 4)" "$(around $ROUTER4)"
is "IPv6, too" "$(datagram 6)" "$(around $ROUTER6)"
do_ok "detach own traffic" loader detach --local
is "the bridge stays" "$(get in_box $SERVER4)" $ROUTER4
do_ok "detach all" loader detach --all

# --- --net=host ---
host_box() { in_cgroup app/host "$@"; }
do_ok "only what one container of the host's namespace sends" loader attach --local --cgroup "$CGROUP/app/host" --ports 80
seen=$(grep -c -- "-> $(escaped $SERVER4):80 " "$RELAY_LOG")
is "it is taken" "$(get host_box $SERVER4)" $ROUTER4
one_more() { [[ $(grep -c -- "-> $(escaped "$SERVER4"):80 " "$RELAY_LOG") == $((seen + 1)) ]]; }
ok "the relay has it" wait_for 10 one_more
is "others are not" "$(get app $SERVER4)" $ROUTER4
ok "the relay has no more" one_more
do_ok "detach all" loader detach --all

id=$(stat -c %i "$CGROUP/app/host")
printf '[loader]\nlocal = yes\n[rule box]\nlocal = only\ncgroup = %s\nports = 80\n' "$id" >"$WORK/box.conf"
do_ok "the same by a rule for its cgroup" loader apply "$WORK/box.conf"
seen=$(grep -c -- "-> $(escaped $SERVER4):80 " "$RELAY_LOG")
is "it is taken" "$(get host_box $SERVER4)" $ROUTER4
ok "the relay has it" wait_for 10 one_more
is "others are not" "$(get app $SERVER4)" $ROUTER4
ok "the relay has no more" one_more
do_ok "detach all" loader detach --all

for pid in $(<"$CGROUP/app/host/cgroup.procs"); do echo "$pid" >"$CGROUPS/cgroup.procs"; done
wait_for 5 rmdir "$CGROUP/app/host"
ip netns del "$CONTAINER"
finish
