/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that registers the listeners (see registration.h). It is one of its own because the
 * pins belong to root and the relay gives up being root. It keeps uid 0 but no capability, and
 * ends with the relay, since its copies of the listeners keep slots filled.
 */
#ifndef TPROXY_RELAY_PROCESS_REGISTRAR_H
#define TPROXY_RELAY_PROCESS_REGISTRAR_H

#include <sys/types.h>

#include "relay/process/registration.h"

struct registrar {
	int fd; /* readable: registrar_read; hung up: the process is gone */
	pid_t pid;
};

/*
 * Forks. The process waits for registrar_go; pin_dir, set and join are as for registration_run,
 * and used in the child only. 0 or -errno.
 */
int registrar_start(const char *pin_dir, const struct listener_set *set, bool join,
		    struct registrar *ret_registrar);

/* From now on the listeners may be registered. */
void registrar_go(const struct registrar *r);

/* 1: one report read, 0: the registrar is gone, -EAGAIN: nothing to read. */
int registrar_read(const struct registrar *r, struct registrar_report *ret_report);

/* Ends the process and waits for it: afterwards only we hold the listeners. */
void registrar_stop(struct registrar *r);

#endif
