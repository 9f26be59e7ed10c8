/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Refuses the start of a relay whose slots another one has, and names that one. Call it before
 * privileges are given up: it looks at the descriptors of all processes. Must not change anything.
 */
#ifndef TPROXY_RELAY_PROCESS_CONFLICT_H
#define TPROXY_RELAY_PROCESS_CONFLICT_H

#include "relay/process/listener.h"

/*
 * Waits a second for a relay that is about to end. 0, or -EBUSY with one line in ret_why (size
 * bytes).
 */
int conflict_check(const char *pin_dir, const struct listener_set *set, char *ret_why, size_t size);

#endif
