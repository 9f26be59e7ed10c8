/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the registrar's process does: puts the listeners into the pinned socket map as soon as the
 * pins exist and again whenever they are replaced, fills slots that become empty, and reports the
 * pinned configuration whenever it changes. Must not log: it reports to the relay.
 */
#ifndef TPROXY_RELAY_PROCESS_REGISTRATION_H
#define TPROXY_RELAY_PROCESS_REGISTRATION_H

#include <stdint.h>

#include "relay/process/listener.h"

#define REGISTRAR_TEXT_LEN 480

/* What the relay takes from the pinned struct tproxy_config. All 0: there is none that is ours. */
struct registrar_config {
	uint32_t mark;
	uint32_t df_mark;
	uint32_t link_local;
	uint32_t detaching; /* an interface is being detached, and its flows are to stay */
};

enum registrar_kind { REGISTRAR_TEXT, REGISTRAR_CONFIG };

/* A line for the relay's log, or a configuration that is new. */
struct registrar_report {
	enum registrar_kind kind;
	enum record_level level;
	union {
		char text[REGISTRAR_TEXT_LEN];
		struct registrar_config config;
	};
};

/*
 * Waits for a first message on sock (SOCK_SEQPACKET), then works and sends reports there until the
 * relay closes its end. A set that is bound to a device is not registered: then only the
 * configuration is reported. join: shares the slots of another relay instead of waiting for its
 * end.
 */
void registration_run(int sock, const char *pin_dir, const struct listener_set *set, bool join);

#endif
