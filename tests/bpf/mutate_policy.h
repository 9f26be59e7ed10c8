/* SPDX-License-Identifier: BSD-2-Clause */
/* Random policies, from the same addresses and ports as the packets. */
#ifndef MUTATE_POLICY_H
#define MUTATE_POLICY_H

#include "mutate.h"
#include "policy/policy.h"

enum mutate_group {
	GROUP_RELAY, /* every class registered */
	GROUP_EMPTY,
	GROUP_ODD, /* sockets that do not fit their class, and one that does */
	GROUP_MAX
};

/* Ports of listeners, see open_proxies in test_mutate.c. */
#define PORT_BOTH 15010
#define PORT_NOBODY 15011
#define PORT_TCP4 15020
#define PORT_UDP6 15021
#define PORT_DIALLED 15022
#define PORT_COOKIE 15024 /* its listener is bound to every address, the next one's is not */
#define PORT_COOKIE_BOUND 15025
#define PORT_ANY 15030

struct mutate_policy {
	struct policy policy;
	__u32 group[TPROXY_MAX_RULES];
};

void mutate_policy(struct rng *r, struct mutate_policy *ret_policy);
void mutate_policy_free(struct mutate_policy *p);
void mutate_policy_print(const struct mutate_policy *p); /* as TAP comments */

#endif
