/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the helper process does: puts the listeners into the pinned socket map as soon as the pins
 * exist and again whenever they are replaced, fills slots that become empty, reports the pinned
 * configuration whenever it changes, and answers requests. Must not log: it reports to the relay.
 */
#ifndef TPROXY_RELAY_PROCESS_REGISTRATION_H
#define TPROXY_RELAY_PROCESS_REGISTRATION_H

#include <stdint.h>

#include "lib/rundir_entry.h"
#include "relay/process/listener.h"

#define REGISTRAR_TEXT_LEN 480

/* What the relay takes from the pinned struct tproxy_config. All 0: there is none that is ours. */
struct registrar_config {
	uint32_t mark;
	uint32_t df_mark;
	uint32_t link_local;
	uint32_t detaching; /* an interface is being detached, and its flows are to stay */
};

enum registrar_kind {
	REGISTRAR_TEXT,   /* a line for the relay's log */
	REGISTRAR_CONFIG, /* a configuration that is new */
	REGISTRAR_LOG,    /* fd: the log file, opened again; -1: err says why not */
};

struct registrar_report {
	enum registrar_kind kind;
	enum record_level level;
	int fd;  /* the receiver owns it; -1: none */
	int err; /* errno, positive */
	union {
		char text[REGISTRAR_TEXT_LEN];
		struct registrar_config config;
	};
};

enum registrar_want {
	REGISTRAR_GO, /* always the first */
	REGISTRAR_WANT_LOG,
	REGISTRAR_WANT_UNLINK,
};

struct registrar_request {
	enum registrar_want want;
};

/* Files of RUNDIR that belong to this relay. */
#define REGISTRAR_FILES 4

struct registrar_files {
	unsigned int count;
	struct rundir_entry entries[REGISTRAR_FILES];
};

/*
 * Waits for the first request on sock (SOCK_SEQPACKET), then works, takes requests and sends
 * reports there until the relay closes its end. A set that is bound to a device is not registered:
 * then only the configuration is reported.
 */
void registration_run(int sock, const struct options *o, struct listener_set *set,
		      const struct registrar_files *files);

#endif
