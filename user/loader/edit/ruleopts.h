/* SPDX-License-Identifier: BSD-2-Clause */
/* The options that describe a rule, shared by attach and rule add. */
#ifndef TPROXY_LOADER_EDIT_RULEOPTS_H
#define TPROXY_LOADER_EDIT_RULEOPTS_H

#include <getopt.h>

#include "policy/policy.h"

struct rule_options {
	struct rule rule; /* what the options say; owned */
	bool any;         /* at least one of them was given */
	bool has_services, has_to, has_from, has_proxy, has_on_down, has_action, has_unrouted;
};

enum {
	OPT_PORT = 2000,
	OPT_UDP_PORT,
	OPT_CIDR,
	OPT_FROM,
	OPT_PROXY,
	OPT_ON_DOWN,
	OPT_UNROUTED,
	OPT_ACTION,
	OPT_INTERFACE,
};
#define RULE_LONG_OPTIONS                                                                          \
	{ "port", required_argument, NULL, OPT_PORT },                                             \
		{ "udp-port", required_argument, NULL, OPT_UDP_PORT },                             \
		{ "cidr", required_argument, NULL, OPT_CIDR },                                     \
		{ "from", required_argument, NULL, OPT_FROM },                                     \
		{ "proxy", required_argument, NULL, OPT_PROXY },                                   \
		{ "on-down", required_argument, NULL, OPT_ON_DOWN },                               \
	{                                                                                          \
		"unrouted", required_argument, NULL, OPT_UNROUTED                                  \
	}

/* Takes one option. 0, or -EINVAL after a reported error. */
int rule_options_take(struct rule_options *options, int opt, const char *value);

/* A new rule: what was not said gets its default (all TCP, everywhere, relay, drop). */
int rule_options_create(const struct rule_options *options, const char *name,
			enum tproxy_action action, struct rule *ret_rule);

/* Adds what the options say to an existing rule; what was not said stays. */
int rule_options_extend(const struct rule_options *options, struct rule *rule);

/* Would that change nothing? */
bool rule_options_within(const struct rule_options *options, const struct rule *rule);

void rule_options_free(struct rule_options *options);
#define __cleanup_rule_options __attribute__((cleanup(rule_options_free)))

#endif
