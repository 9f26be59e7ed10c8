/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In the helper process: opens listeners that were destroyed once more, and tries until it can. Puts
 * them into the set of the helper and sends them to the relay. Must not register them.
 */
#ifndef TPROXY_RELAY_PROCESS_REOPENING_H
#define TPROXY_RELAY_PROCESS_REOPENING_H

#include <stdint.h>

#include "relay/process/listener.h"

enum reopening_step {
	REOPENING_NONE,    /* it was not asked for, or is done */
	REOPENING_WAITING, /* to be opened when it is due */
	REOPENING_OPENED,  /* it is in the set, and the relay does not have it yet */
};

struct reopening_state {
	enum reopening_step step;
	unsigned int tries;
	uint64_t due; /* ms of CLOCK_MONOTONIC: not to be opened before */
};

struct reopening {
	struct listener_set *set;
	const struct options *options;
	struct reopening_state states[OPTIONS_MAX_WORKERS][LISTENER_ROWS][TPROXY_CLASS_MAX];
};

/* Borrows set and options. */
void reopening_init(struct reopening *r, struct listener_set *set, const struct options *o);

/*
 * The relay has closed this one: closes our copy, because a UDP port cannot be bound while anyone
 * holds it. False: the set has no such listener.
 */
bool reopening_want(struct reopening *r, const struct listener_id *id);

/*
 * Tries all that are due, and reports to the relay on sock (REGISTRAR_LISTENER). True: the set has
 * changed.
 */
bool reopening_turn(struct reopening *r, int sock);

#endif
