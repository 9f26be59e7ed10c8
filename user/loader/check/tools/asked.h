/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The running relays of this network namespace, and what each says about itself. Asks them; must not
 * judge their answers.
 */
#ifndef TPROXY_LOADER_CHECK_TOOLS_ASKED_H
#define TPROXY_LOADER_CHECK_TOOLS_ASKED_H

#include "lib/flows/relays.h"
#include "lib/flows/status.h"
#include "loader/check/tools/checkup.h"

struct asked {
	struct flows_relay relay;
	int err; /* as flows_ask_status: 0, or there is no answer */
	struct flows_told told;
};

/*
 * Calls fn for each relay; each is asked once in a run of checks. What cannot be asked is noted in
 * the checkup.
 */
void asked_each(struct checkup *c,
		void (*fn)(struct checkup *c, const struct asked *asked, void *arg), void *arg);

/* "tproxy-relay 15002 (pid 71)"; buf: ASKED_NAME_LEN bytes. Returns buf. */
#define ASKED_NAME_LEN 64
char *asked_name(const struct asked *asked, char *buf);

/* Is there a rule whose flows the relay takes? */
bool asked_is_wanted(const struct checkup *c);

#endif
