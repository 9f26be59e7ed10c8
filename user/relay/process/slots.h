/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The relays' slots in the pinned socket map: who has them, and putting our listeners there.
 * The map names the sockets it holds by cookie; a slot whose socket was closed is empty at
 * once. Several relays may share the slots. Must not decide when to register.
 */
#ifndef TPROXY_RELAY_PROCESS_SLOTS_H
#define TPROXY_RELAY_PROCESS_SLOTS_H

#include <stdint.h>

#include "relay/process/listener.h"

struct slots {
	const struct listener_set *set;
	unsigned int count[TPROXY_CLASS_MAX];                   /* of our sockets for slots */
	uint64_t cookie[TPROXY_CLASS_MAX][OPTIONS_MAX_WORKERS]; /* theirs */
	/* What the latest look has found. */
	uint64_t held[TPROXY_CLASS_MAX][TPROXY_GROUP_WAYS]; /* a cookie, 0: empty */
	unsigned int ours;
	unsigned int others;
	unsigned int empty; /* and we have a socket for it */
};

/* Borrows the set. */
void slots_init(struct slots *s, const struct listener_set *set);

/*
 * For a map (the path of its pin) that we are not in yet: fills what is empty, and orders what
 * we have, as after taking over from another relay. If another relay is there and we have none,
 * all is left alone: -EBUSY; unless join, which takes as much as our workers are of all
 * workers. 0 or -errno.
 */
int slots_enter(struct slots *s, const char *path, bool join);

/*
 * Fills what has become empty since, because somebody emptied it or another relay ended. Slots
 * of others stay theirs, unless join and we have none. 0 or -errno.
 */
int slots_refill(struct slots *s, const char *path, bool join, unsigned int *ret_filled);

/* The cookie of another relay's TCP listener, if it has slots and we have none. Or else 0. */
uint64_t slots_find_other(struct slots *s, const char *path);

#endif
