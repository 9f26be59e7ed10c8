/* SPDX-License-Identifier: BSD-2-Clause */
/* Which addresses of ours a flow may have, in the order to try them. Must not open sockets. */
#ifndef TPROXY_RELAY_UPSTREAM_CANDIDATES_H
#define TPROXY_RELAY_UPSTREAM_CANDIDATES_H

#include "relay/upstream/attempt.h"

/*
 * The next address, without a port; *n: 0 for the first one. False: there are no more. A list
 * without an address of the family counts as the kernel's choice.
 */
bool candidates_next(const struct upstream_want *want, unsigned int *n,
		     struct attempt *ret_attempt);

#endif
