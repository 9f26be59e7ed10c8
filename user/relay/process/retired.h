/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The relays that retired before this one and still have flows, as the serving relay knows them:
 * a control socket to each, and the segment where it counts its flows. Must not know what is said
 * at a hand-over.
 */
#ifndef TPROXY_RELAY_PROCESS_RETIRED_H
#define TPROXY_RELAY_PROCESS_RETIRED_H

#include <stdbool.h>

#include "relay/process/message.h"

/* Each may have one flow that never ends, but none outlives its retire-timeout. */
#define RETIRED_MAX 256

struct retired {
	int control_fd; /* hung up: it has ended */
	int segment_fd; /* -1: none */
	pid_t pid;
};

struct retired_list {
	unsigned int count;
	struct retired items[RETIRED_MAX]; /* oldest first */
};

/* Owns the descriptors from now on. If the list is full, the oldest relay is told to end. */
void retired_add(struct retired_list *list, const struct retired *item);

/* NULL: none has this control socket. */
struct retired *retired_find(struct retired_list *list, int control_fd);

/* Takes it out and closes its descriptors. */
void retired_remove(struct retired_list *list, struct retired *item);

/* Sends a message to all, the second one without a body. Return how many got it. */
unsigned int retired_pass(const struct retired_list *list, const struct message_out *out);
unsigned int retired_tell(const struct retired_list *list, enum message_type type);

void retired_close(struct retired_list *list);

#endif
