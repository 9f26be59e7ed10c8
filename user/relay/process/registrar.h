/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts the listeners into the pinned socket map, as soon as the pins exist and
 * again whenever they are replaced; slots that become empty are filled again. A process of its own: the pins belong to
 * root, and the relay gives up being root. It keeps uid 0 but no capability,
 * and ends with the relay, since its copies of the listeners keep slots filled.
 * It also reports what the pinned configuration says, whenever that changes.
 */
#ifndef TPROXY_RELAY_PROCESS_REGISTRAR_H
#define TPROXY_RELAY_PROCESS_REGISTRAR_H

#include <stdint.h>
#include <sys/types.h>

#include "relay/process/listener.h"

struct registrar {
	int fd; /* readable: registrar_read; hung up: the process is gone */
	pid_t pid;
};

#define REGISTRAR_TEXT_LEN 480

/* What the relay takes from the pinned struct tproxy_config. All 0: there is none that is ours. */
struct registrar_config {
	uint32_t mark;
	uint32_t df_mark;
	uint32_t link_local;
	uint32_t drains; /* an interface is being detached, and its flows are to stay */
};

enum registrar_kind { REGISTRAR_TEXT, REGISTRAR_CONFIG };

/* What the registrar reports: a line for the relay's log, or a configuration that is new. */
struct registrar_report {
	enum registrar_kind kind;
	enum record_level level;
	union {
		char text[REGISTRAR_TEXT_LEN];
		struct registrar_config config;
	};
};

/*
 * Forks. It waits for registrar_go. A set that is bound to a device is not registered: for
 * such a relay the configuration is reported only. join: slots are shared with a relay that
 * has them, instead of waiting for its end. pin_dir and set are used in the child only. 0 or
 * -errno.
 */
int registrar_start(const char *pin_dir, const struct listener_set *set, bool join,
		    struct registrar *ret_registrar);

/* A listener (its cookie) of another relay that is registered where none of ours is, or 0. */
uint64_t registrar_find_other(const char *pin_dir, const struct listener_set *set);

/* From now on the listeners may be registered. */
void registrar_go(const struct registrar *r);

/* 1: one report read, 0: the registrar is gone, -EAGAIN: nothing to read. */
int registrar_read(const struct registrar *r, struct registrar_report *ret_report);

/* Ends the process and waits for it: afterwards only we hold the listeners. */
void registrar_stop(struct registrar *r);

#endif
