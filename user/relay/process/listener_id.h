/* SPDX-License-Identifier: BSD-2-Clause */
/* The name of one listener of the relay. Declares data only. */
#ifndef TPROXY_RELAY_PROCESS_LISTENER_ID_H
#define TPROXY_RELAY_PROCESS_LISTENER_ID_H

#include <stdbool.h>

#include "tproxy.h"

/* Its place in struct listener_set, whether it is open or not. */
struct listener_id {
	unsigned int worker;
	unsigned int row;
	enum tproxy_class cls;
};

static inline bool class_is_tcp(enum tproxy_class cls)
{
	return cls == TPROXY_TCP4 || cls == TPROXY_TCP6;
}

static inline bool class_is_v6(enum tproxy_class cls)
{
	return cls == TPROXY_TCP6 || cls == TPROXY_UDP6;
}

#endif
