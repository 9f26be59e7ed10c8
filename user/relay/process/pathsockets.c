/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/pathsockets.h"

#include <string.h>
#include <sys/socket.h>

#include "lib/rundir.h"
#include "lib/util.h"

#define FLOWS_BACKLOG 8

void path_sockets_name(const struct options *o, struct run_names *ret_names)
{
	int err = run_names_make(o, ret_names);

	if (*o->run_dir)
		rundir_choose(o->run_dir);
	if (err)
		record_say(RECORD_WARN, "/proc/self/ns: %s (mount /proc)", strerror(-err));
}

static void say_failure(const struct run_names *names, int err)
{
	record_say(RECORD_WARN, "hand-over: %s/%s: %s (%s)", rundir_path(), names->handover,
		   err == -EUCLEAN ? "other users may write in this directory" : strerror(-err),
		   err == -EADDRINUSE ?
			   "another relay has it; this one cannot be restarted "
			   "without an interruption" :
			   "start as root, or choose a directory with --run-dir: otherwise "
			   "the next start interrupts all flows");
}

static int open_flows(const struct run_names *names, struct takeover *t)
{
	int fd = take_fd(&t->flows_fd);

	if (fd < 0)
		return rundir_listen(names->flows, RUNDIR_MEMBERS);
	listen(fd, FLOWS_BACKLOG); /* peers see who we are */
	return fd;
}

int path_sockets_open(const struct run_names *names, struct takeover *t, struct handover *h)
{
	int err = handover_open(h, names->handover, take_fd(&t->listen_fd));
	int flows = err ? err : open_flows(names, t);

	if (flows < 0)
		say_failure(names, flows);
	return flows < 0 ? -1 : flows;
}
