# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Real servers and proxies, each with a directory below $WORK and a log in $WORK/log. serve_NAME
# starts one, serve_stop_all ends all.

SERVE_PIDS=()
BIG_SIZE=100M

# serve_run LOG NS CMD… — starts CMD in that namespace, in the background, for serve_stop_all
serve_run() {
	local log=$WORK/log/$1 ns=$2
	shift 2

	# without the functions c, r and s, because $! must be the server itself
	nsenter --net="/run/netns/$ns" -- "$@" >>"$log" 2>&1 </dev/null &
	SERVE_PIDS+=($!)
	disown $!
}

serve_stop_all() {
	local pid

	[[ -z ${RELAY_PID-} ]] || SERVE_PIDS+=("$RELAY_PID")
	for pid in "${SERVE_PIDS[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	for pid in "${SERVE_PIDS[@]}"; do
		wait_for 5 process_gone "$pid"
	done
}

# listening NS tcp|udp PORT — a socket there listens
listening() {
	local -A family=([tcp]=-t [udp]=-u)

	[[ -n $(nsenter --net="/run/netns/$1" -- ss -Hnl "${family[$2]}" "sport = :$3") ]]
}

# --- nginx: /big (100 MB), /load (rate limited), /small, /whoami ---

serve_nginx() {
	mkdir -p "$WORK/nginx" "$WORK/www"
	head -c 4096 /dev/urandom >"$WORK/www/small"
	head -c 24M /dev/urandom >"$WORK/www/load"
	cat >"$WORK/nginx/conf" <<-CONF
		user root;
		daemon off;
		worker_processes 2;
		pid $WORK/nginx/pid;
		error_log $WORK/log/nginx-error;
		events { worker_connections 1024; }
		http {
			log_format seen '\$remote_addr \$remote_port \$server_addr "\$request" \$status';
			access_log $WORK/log/nginx-access seen;
			client_body_temp_path $WORK/nginx/body;
			proxy_temp_path $WORK/nginx/proxy;
			fastcgi_temp_path $WORK/nginx/fastcgi;
			uwsgi_temp_path $WORK/nginx/uwsgi;
			scgi_temp_path $WORK/nginx/scgi;
			sendfile on;
			server {
				listen 80; listen [::]:80;
				listen 8080; listen [::]:8080;
				root $WORK/www;
				location = /load { limit_rate 2m; }
				location = /whoami {
					default_type text/plain;
					return 200 "\$remote_addr \$remote_port\n";
				}
			}
		}
	CONF
	serve_run nginx "$SERVER" nginx -e "$WORK/log/nginx-error" -c "$WORK/nginx/conf"
	wait_for 10 listening "$SERVER" tcp 8080
}

serve_big() { head -c "$BIG_SIZE" /dev/urandom >"$WORK/www/big"; }

sum_of() { sha256sum <"$1" | cut -d' ' -f1; }

# --- sshd, with keys of its own ---

# serve_sshd [NS] — root can log in with $WORK/ssh/id
serve_sshd() {
	local ns=${1:-$SERVER}
	local dir=$WORK/ssh

	if [[ ! -d $dir ]]; then
		mkdir -p "$dir"
		ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
		ssh-keygen -q -t ed25519 -N '' -f "$dir/id"
		# without PAM sshd refuses an account whose password field says "locked"
		sed 's/^root:[^:]*:/root:*:/' /etc/shadow >"$dir/shadow"
		chmod 600 "$dir/shadow"
		mount --bind "$dir/shadow" /etc/shadow
	fi
	cat >"$dir/config" <<-CONF
		HostKey $dir/host
		AuthorizedKeysFile $dir/id.pub
		PermitRootLogin prohibit-password
		PasswordAuthentication no
		StrictModes no
		UsePAM no
		UseDNS no
		PidFile none
		PrintMotd no
		LogLevel VERBOSE
	CONF
	serve_run "sshd-$ns" "$ns" "$(command -v sshd || echo /usr/sbin/sshd)" -D -e -f "$dir/config"
	wait_for 10 listening "$ns" tcp 22
}

# ssh_to ADDRESS CMD… — from the client
ssh_to() {
	local address=$1
	shift

	c ssh -F none -i "$WORK/ssh/id" -o BatchMode=yes -o ConnectTimeout=10 \
		-o IdentitiesOnly=yes -o LogLevel=ERROR -o StrictHostKeyChecking=accept-new \
		-o UserKnownHostsFile="$WORK/ssh/known" "root@$address" "$@" </dev/null
}

# --- dnsmasq: knows test.tproxy and big.tproxy (3000 bytes of text) only ---

# serve_dns [NS [ADDRESS]] — test.tproxy is ADDRESS there
serve_dns() {
	local ns=${1:-$SERVER} text=

	for _ in {1..15}; do
		text+=,$(printf '%0200d' 0)
	done
	serve_run "dnsmasq-$ns" "$ns" "$(command -v dnsmasq || echo /usr/sbin/dnsmasq)" --keep-in-foreground \
		--conf-file=/dev/null --user=root --group= --pid-file= --no-resolv --no-hosts \
		--host-record="test.tproxy,${2:-10.77.2.200},fd77:2::200" --txt-record="big.tproxy$text" \
		--edns-packet-max=4096 --log-queries --log-facility="$WORK/log/dnsmasq-queries"
	wait_for 10 listening "$ns" udp 53
}

# dig_at ADDRESS ARGS… — prints the short answer; one from another address is none
dig_at() {
	local address=$1
	shift

	c dig +short +tries=3 +time=3 "@$address" "$@"
}

# --- an echo server, UDP and TCP port 7007 ---

serve_echo() {
	serve_run echo "$SERVER" python3 "$LIB/net.py" echo 7007
	wait_for 10 listening "$SERVER" udp 7007
}

# hold_flow NAME ADDRESS PORT — the client keeps a TCP flow to such a server until $WORK/go is there
hold_flow() {
	nsenter --net="/run/netns/$CLIENT" -- \
		python3 "$LIB/net.py" hold "$2" "$3" "$WORK/go" >"$WORK/held$1" 2>&1 &
	SERVE_PIDS+=($!)
	disown $!
	wait_for 10 grep -q up "$WORK/held$1"
}

# --- other proxies, on the router, port 3129 ---

serve_haproxy() { # [SOURCE-SETTING [ADDRESS4 ADDRESS6]]
	cat >"$WORK/haproxy.conf" <<-CONF
		global
			maxconn 200
		defaults
			mode tcp
			timeout connect 5s
			timeout client 30s
			timeout server 30s
		frontend in
			bind ${2:-0.0.0.0}:3129 transparent
			bind ${3:-::}:3129 transparent v6only
			default_backend original
		backend original
			server original * ${1-}
	CONF
	serve_run haproxy "$ROUTER" "$(command -v haproxy || echo /usr/sbin/haproxy)" -db -f "$WORK/haproxy.conf"
	wait_for 10 listening "$ROUTER" tcp 3129
}

serve_squid() { # [ADDRESS:PORT…]
	local dir=$WORK/squid port

	mkdir -p "$dir"
	cat >"$dir/conf" <<-CONF
		http_port 3128
		$(for port in "${@:-3129}"; do echo "http_port $port tproxy"; done)
		http_access allow all
		cache deny all
		cache_mem 8 MB
		max_filedescriptors 1024
		access_log stdio:$dir/access
		cache_log $dir/cache
		pid_filename $dir/pid
		coredump_dir $dir
		visible_hostname router.tproxy
		dns_nameservers 127.0.0.1
		pinger_enable off
		shutdown_lifetime 1 seconds
	CONF
	chown -R proxy: "$dir"
	serve_run squid "$ROUTER" "$(command -v squid || echo /usr/sbin/squid)" -N -f "$dir/conf"
	wait_for 30 listening "$ROUTER" tcp 3129
}

# --- both ends of a connection act by a plan, see peer.py; port 7007 ---

serve_peer() {
	serve_run peer "$SERVER" python3 "$LIB/peer.py" serve 7007
	wait_for 10 listening "$SERVER" tcp 7007
}

# play ADDRESS CLIENT-PLAN [SERVER-PLAN] — prints the result at both ends
play() { c python3 "$LIB/peer.py" play "$1" 7007 "$2" "${3-}"; }

# whole [BYTES] — a TCP flow gets all bytes in both directions
whole() {
	local n=${1:-1000}

	[[ $(play "$SERVER4" send="$n",seed=1 send="$n",seed=2) == "client $n same fin, server $n same fin" ]]
}

# established [SIDE [PORT]] — a socket of the server (or of the relay: SIDE r) is connected
established() { [[ -n $("${1:-s}" ss -Htn state established "sport = :${2:-7007}") ]]; }
