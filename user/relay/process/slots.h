/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The slots of relays in the pinned socket map: finds out which relay has them, and puts our
 * listeners there. The map names its sockets by cookie; when a socket is closed its slot is empty
 * at once. Several relays may share the slots. Must not decide when to register.
 */
#ifndef TPROXY_RELAY_PROCESS_SLOTS_H
#define TPROXY_RELAY_PROCESS_SLOTS_H

#include <stdint.h>

#include "relay/process/listener.h"

struct slots {
	const struct listener_set *set;
	unsigned int count[TPROXY_CLASS_MAX];                   /* of our sockets for slots */
	uint64_t cookie[TPROXY_CLASS_MAX][OPTIONS_MAX_WORKERS]; /* theirs; 0: it is closed */
	/* Those before them: a slot has a dead socket as long as anyone holds it. */
	uint64_t former[TPROXY_CLASS_MAX][OPTIONS_MAX_WORKERS];
	bool changed; /* since the slots were filled */
	/* What the latest look has found. */
	uint64_t held[TPROXY_CLASS_MAX][TPROXY_GROUP_WAYS]; /* a cookie, 0: empty */
	unsigned int ours;
	unsigned int others;
	unsigned int empty; /* and we have a socket for it */
	unsigned int filled;
};

/* Borrows the set. Each socket keeps its slots, whatever happens to others. */
void slots_init(struct slots *s, const struct listener_set *set);

/*
 * Sockets of the set were closed or opened: the next slots_refill gives the slots of those that are
 * closed to the others, and back.
 */
void slots_update(struct slots *s);

/*
 * For a map (the path of its pin) that we are not in yet: fills the empty slots and sorts those
 * that we have, as after taking over from another relay. -EBUSY, and nothing changes, if another
 * relay has slots and we have none. With join, we take slots from it instead: the same share as our
 * workers are of all workers. 0 or -errno.
 */
int slots_enter(struct slots *s, const char *path, bool join);

/*
 * Fills the slots that became empty, by hand or because another relay ended. Slots of other relays
 * stay theirs, unless join is set and we have none. 0 or -errno.
 */
int slots_refill(struct slots *s, const char *path, bool join, unsigned int *ret_filled);

/* The cookie of a TCP listener of another relay, if it has slots and we have none; or 0. */
uint64_t slots_find_other(struct slots *s, const char *path);

#endif
