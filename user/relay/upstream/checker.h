/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks the upstreams that have `check`, each at its interval, in the loop of one thread: connects
 * as flows do, greets, and tells health.h the result. Never blocks. Must not know flows.
 */
#ifndef TPROXY_RELAY_UPSTREAM_CHECKER_H
#define TPROXY_RELAY_UPSTREAM_CHECKER_H

#include "relay/loop/worker.h"
#include "relay/net/binding.h"
#include "relay/upstream/health.h"

struct checker_set;

struct checker {
	struct worker *worker;
	struct device_chooser *devices;
	uint64_t timeout_ms; /* of a check */
	const struct egress_list *list;
	struct checker_set *set; /* NULL: nothing to check */
};

/*
 * Checks these upstreams from now on, at once and then in turn; nothing changes if it is the same
 * list. It must live until the next call, or checker_close. Without memory, none are checked.
 */
void checker_use(struct checker *checker, struct egress_list *list);

void checker_close(struct checker *checker);

#endif
