/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks one running relay, as proto.h says. Must not know what its answer is for. */
#ifndef TPROXY_LIB_FLOWS_ASK_H
#define TPROXY_LIB_FLOWS_ASK_H

#include <stdbool.h>

#include "lib/flows/proto.h"

struct flows_answer {
	uint64_t matched;    /* flows; of FLOWS_KILL: those that were ended */
	unsigned int silent; /* processes that did not send all of their answer */
};

/*
 * A connection to this relay that waits for at most silence_s for each message. 0, or -errno as
 * flows_ask.
 */
int flows_dial(const char *relay, unsigned int silence_s, int *ret_fd);

/*
 * relay: its name, as flows_relays has it. Calls fn for each record, until it returns other than 0;
 * returns that. 0, or -errno: -EPROTO: it is of another version; -EBUSY: it had too many clients
 * all the time; -EPERM: we may not end flows; -EACCES: we may not ask; -ENOENT, -ECONNREFUSED: it
 * is gone; -ETIMEDOUT: it does not answer.
 */
int flows_ask(const char *relay, enum flows_kind kind, const struct flows_filter *filter,
	      int (*fn)(const struct flows_record *record, void *arg), void *arg,
	      struct flows_answer *ret_answer);

#endif
