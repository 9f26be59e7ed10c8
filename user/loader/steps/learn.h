/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds UDP flows that are older than a policy which would intercept them, before it is in force,
 * and enters them in a map whose flows the data path leaves alone. Changes nothing else, and never
 * makes a command fail.
 */
#ifndef TPROXY_LOADER_STEPS_LEARN_H
#define TPROXY_LOADER_STEPS_LEARN_H

#include "lib/device.h"
#include "loader/app/session.h"
#include "policy/config/config.h"
#include "policy/policy.h"

enum { OPT_LEARN = 3900 }; /* of all commands that change the policy */
#define LEARN_LONG_OPTION                                                                          \
	{                                                                                          \
		"learn", required_argument, NULL, OPT_LEARN                                        \
	}

struct learn {
	const struct policy *before, *after;
	unsigned int seconds;     /* to watch interfaces; 0: learn nothing */
	bool no_watch;            /* learn only what is known at once */
	const struct device *new; /* that will get the policy role, besides those that have it */
	size_t n_new;
};

/*
 * Does not wait if `after` takes no more UDP flows than `before`. Reports what it learned, and
 * that relayed flows return to their servers if `after` takes fewer.
 */
void learn_flows(struct session *session, const struct learn *learn);

/* Value of the option: 0 or -EINVAL after a reported error. */
int learn_take_seconds(const char *value, unsigned int *ret_seconds);

#endif
