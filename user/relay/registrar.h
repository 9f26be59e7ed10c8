/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts the listeners into the pinned socket map, as soon as the pins exist and
 * again whenever they are replaced. A process of its own: the pins belong to
 * root, and the relay gives up being root. It keeps uid 0 but no capability,
 * and ends with the relay, since its copies of the listeners keep slots filled.
 */
#ifndef TPROXY_RELAY_REGISTRAR_H
#define TPROXY_RELAY_REGISTRAR_H

#include <sys/types.h>

#include "relay/listener.h"

struct registrar {
	int fd; /* readable: registrar_read; hung up: the process is gone */
	pid_t pid;
};

#define REGISTRAR_TEXT_LEN 480

/* What the registrar has to tell, for the relay's log. */
struct registrar_report {
	enum record_level level;
	char text[REGISTRAR_TEXT_LEN];
};

/* Forks. It waits for registrar_go. pin_dir and set are used in the child only. 0 or -errno. */
int registrar_start(const char *pin_dir, const struct listener_set *set,
		    struct registrar *ret_registrar);

/* From now on the listeners may be registered. */
void registrar_go(const struct registrar *r);

/* 1: one report read, 0: the registrar is gone, -EAGAIN: nothing to read. */
int registrar_read(const struct registrar *r, struct registrar_report *ret_report);

/* Ends the process and waits for it: afterwards only we hold the listeners. */
void registrar_stop(struct registrar *r);

#endif
