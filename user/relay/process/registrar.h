/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The privileged helper: a process of its own that registers the listeners (see registration.h) and
 * does for the relay what needs root, which the relay gives up being. It keeps uid 0 and few
 * capabilities (privs_keep_for_helper), takes only requests that name what the options name, and
 * ends with the relay, since its copies of the listeners keep slots filled.
 */
#ifndef TPROXY_RELAY_PROCESS_REGISTRAR_H
#define TPROXY_RELAY_PROCESS_REGISTRAR_H

#include <sys/types.h>

#include "relay/process/registration.h"
#include "relay/process/runnames.h"

struct registrar {
	int fd; /* readable: registrar_read; hung up: the process is gone */
	pid_t pid;
	unsigned int written; /* records of audited flows that are not confirmed yet */
};

/* The path sockets of the relay. At the end the process removes those that nobody serves. */
struct registrar_sockets {
	const struct run_names *names;
	int fds[3]; /* of the relay alone: the process closes its copies. -1: none */
};

/*
 * Forks, and sets r->fd and r->pid. The process waits for registrar_go; options and set are used in
 * the child only. 0 or -errno.
 */
int registrar_start(const struct options *o, struct listener_set *set,
		    const struct registrar_sockets *sockets, struct registrar *r);

/* From now on the listeners may be registered. */
void registrar_go(const struct registrar *r);

/*
 * Requests. The answers come as reports, in any order. None of these waits: 0, or -errno if the
 * helper is gone (-EPIPE and others) or does not read (-EAGAIN).
 */

/* The log file once more: REGISTRAR_LOG. Several requests before the answer have one answer. */
int registrar_ask_log(const struct registrar *r);

/* Whether audited flows are reported when they begin. */
void registrar_want_begins(const struct registrar *r, bool want);

/*
 * A listener once more, which the caller has closed, as REGISTRAR_LISTENER. The helper tries until it
 * can open it, then registers it and sends it.
 */
int registrar_ask_listener(const struct registrar *r, const struct listener_id *id);

/*
 * Writes the records of audited flows, some of them in one call. 1: another report read; the caller
 * owns report.fd, if it is not -1. 0: the helper is gone, -EAGAIN: nothing to read.
 */
int registrar_read(struct registrar *r, struct registrar_report *ret_report);

/*
 * Another relay serves the listeners: the helper gives them up, and from now on only answers
 * registrar_ask_log. Without a log file it ends, as with registrar_stop.
 */
void registrar_retire(struct registrar *r, bool has_log);

/*
 * Ends the process and waits for it: afterwards only we hold the listeners. If it hangs, it keeps its
 * copies until it continues, or we end.
 */
void registrar_stop(struct registrar *r);

#endif
