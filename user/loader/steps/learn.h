/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP flows that are under way when a policy comes that would take them: they are found
 * before it is in force, and entered in a table whose flows the data path leaves alone.
 * Changes nothing else, and fails no command.
 */
#ifndef TPROXY_LOADER_STEPS_LEARN_H
#define TPROXY_LOADER_STEPS_LEARN_H

#include "policy/config/config.h"
#include "lib/device.h"
#include "policy/policy.h"
#include "loader/app/session.h"

enum { OPT_LEARN = 3900 }; /* of all commands that change the policy */
#define LEARN_LONG_OPTION                                                                          \
	{                                                                                          \
		"learn", required_argument, NULL, OPT_LEARN                                        \
	}

struct learn {
	const struct policy *before, *after;
	unsigned int seconds;     /* to watch interfaces for; 0: learn nothing */
	bool no_watch;            /* what can be known at once, no more */
	const struct device *new; /* about to get the policy role, beside those that have it */
	size_t n_new;
};

/*
 * Does not wait where `after` takes no UDP flow that `before` does not. Reports, also that
 * relayed flows are given back where it takes fewer.
 */
void learn_flows(struct session *session, const struct learn *learn);

/* Value of the option: 0 or -EINVAL after a reported error. */
int learn_take_seconds(const char *value, unsigned int *ret_seconds);

#endif
