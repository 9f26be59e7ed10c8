/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks one running relay for its state, as proto.h says. Must not judge the answer. */
#ifndef TPROXY_LIB_FLOWS_STATUS_H
#define TPROXY_LIB_FLOWS_STATUS_H

#include <sys/types.h>

#include "lib/flows/proto.h"

struct flows_told {
	struct flows_status status; /* fields that an older relay lacks are 0 */
	pid_t pid;                  /* of the relay, in our namespace of processes; 0: not known */
};

/*
 * 0, or -errno: -EPROTO: the relay is of a version that cannot answer this; -ETIMEDOUT: it did not
 * answer in time; and the others of flows_ask.
 */
int flows_ask_status(const char *relay, unsigned int silence_s, struct flows_told *ret_told);

#endif
