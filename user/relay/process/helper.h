/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the main thread and the privileged helper say to each other: requests, and reports. Both are
 * one program, so the structs are sent as they are. Declares data only.
 */
#ifndef TPROXY_RELAY_PROCESS_HELPER_H
#define TPROXY_RELAY_PROCESS_HELPER_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/log/level.h"
#include "relay/process/listener_id.h"
#include "tproxy.h"

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
	/* fd: a listener, opened again; -1: not yet, err says why. More reports of it will come. */
	REGISTRAR_LISTENER,
	REGISTRAR_AUDITED, /* to be confirmed with REGISTRAR_WROTE_AUDITED */
};

/* A flow that an audit rule forwards has begun or ended. */
struct registrar_audited {
	struct tproxy_flow_key flow;
	struct tproxy_audited value;
	bool ended;
};

struct registrar_listener {
	struct listener_id id;
	unsigned int tries;
	char holder[64]; /* who has its port: "nginx, process 71"; empty: not known */
};

struct registrar_report {
	enum registrar_kind kind;
	enum record_level level;
	int fd;  /* the receiver owns it; -1: none */
	int err; /* errno, positive */
	union {
		char text[REGISTRAR_TEXT_LEN];
		struct registrar_config config;
		struct registrar_listener listener;
		struct registrar_audited audited;
	};
};

/* Of many failures to open a listener, the ones that are worth a line: about one a minute. */
static inline bool registrar_tells(unsigned int tries)
{
	return tries % 12 == 1;
}

enum registrar_want {
	REGISTRAR_GO, /* always the first */
	REGISTRAR_WANT_LOG,
	REGISTRAR_WANT_LOG_ONLY, /* gives the listeners up and answers nothing else */
	REGISTRAR_WANT_LISTENER,
	REGISTRAR_WANT_BEGINS,   /* count 1: report audited flows also when they begin */
	REGISTRAR_WROTE_AUDITED, /* the oldest `count` reports that were not confirmed */
};

struct registrar_request {
	enum registrar_want want;
	struct listener_id id; /* REGISTRAR_WANT_LISTENER */
	unsigned int count;
};

#endif
