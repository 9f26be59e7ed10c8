#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Pipes that the kernel keeps small for an unprivileged user are not used: bulk is copied, byte
# for byte.
. "$(dirname "$0")/../lib/test.sh"

prepare peer
# a user of its own: the kernel counts the pages of all pipes of a user
ok "the relay starts" relay_start --user games --workers 1
do_ok "attach" loader attach r0 --ports 7007
bypass_reset
before=$(relay_pipes)

# takes what fs.pipe-user-pages-soft allows, and says so
cat >"$WORK/hog.py" <<-'HOG'
	import fcntl, os, resource, sys, time
	soft = int(open("/proc/sys/fs/pipe-user-pages-soft").read())
	resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
	os.setgroups([]); os.setgid(60); os.setuid(int(sys.argv[1]))
	pipes, pages = [], 0
	while soft and pages <= soft:
	    pipes.append(os.pipe())
	    pages += fcntl.fcntl(pipes[-1][0], 1032) // 4096
	    if fcntl.fcntl(pipes[-1][0], 1032) < 65536:
	        break
	print("small" if fcntl.fcntl(os.pipe()[0], 1032) < 65536 else "large", flush=True)
	time.sleep(100)
HOG
serve_run hog "$CLIENT" python3 "$WORK/hog.py" "$(id -u games)"
hog=${SERVE_PIDS[-1]}
ok "the user's share is used up" wait_for 10 grep -q . "$WORK/log/hog"
is "new pipes are small" "$(<"$WORK/log/hog")" small

bulk() { play "$1" send=20000000,seed=1 send=20000000,seed=2; }
want="client 20000000 same fin, server 20000000 same fin"
is "bulk is whole" "$(bulk $SERVER4)" "$want"
is "bulk is whole" "$(bulk $SERVER6)" "$want"
is "no small pipe was kept" "$(relay_pipes)" "$before"

stop "$hog" KILL
piped() { [[ $(bulk "$SERVER4") == "$want" && $(relay_pipes) -gt $before ]]; }
ok "once there are large ones again, they are used" wait_for 15 piped
bypass_none "no packet went past the relay"
finish
