/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options that describe a rule, shared by attach and rule add. They have the names of the keys
 * in the configuration file. Must not know the live policy.
 */
#ifndef TPROXY_LOADER_EDIT_RULEOPTS_H
#define TPROXY_LOADER_EDIT_RULEOPTS_H

#include <getopt.h>

#include "policy/policy.h"

struct rule_options {
	struct rule rule;         /* what the options say; owned */
	struct service_set ports; /* of --ports, as given; protocol 0: of --proto; owned */
	int protos;               /* enum policy_proto; 0: not given */
	bool any;                 /* at least one of them was given */
	bool has_services, has_to, has_from, has_proxy, has_on_down, has_action, has_unrouted;
	bool has_local;
};

/* The last four are the former names of others. */
enum {
	OPT_RULE_FIRST = 2000,
	OPT_TO = OPT_RULE_FIRST,
	OPT_FROM,
	OPT_PORTS,
	OPT_PROTO,
	OPT_PROXY,
	OPT_ON_PROXY_DOWN,
	OPT_UNROUTED,
	OPT_ACTION,
	OPT_INTERFACE,
	OPT_LOCAL,
	OPT_UID,
	OPT_GID,
	OPT_CGROUP,
	OPT_CIDR,
	OPT_PORT,
	OPT_UDP_PORT,
	OPT_ON_DOWN,
	OPT_RULE_MAX
};
/* clang-format off */
#define RULE_LONG_OPTIONS \
	{ "to", required_argument, NULL, OPT_TO }, \
	{ "from", required_argument, NULL, OPT_FROM }, \
	{ "ports", required_argument, NULL, OPT_PORTS }, \
	{ "proto", required_argument, NULL, OPT_PROTO }, \
	{ "proxy", required_argument, NULL, OPT_PROXY }, \
	{ "on-proxy-down", required_argument, NULL, OPT_ON_PROXY_DOWN }, \
	{ "unrouted", required_argument, NULL, OPT_UNROUTED }, \
	{ "uid", required_argument, NULL, OPT_UID }, \
	{ "gid", required_argument, NULL, OPT_GID }, \
	{ "cidr", required_argument, NULL, OPT_CIDR }, \
	{ "port", required_argument, NULL, OPT_PORT }, \
	{ "udp-port", required_argument, NULL, OPT_UDP_PORT }, \
	{ "on-down", required_argument, NULL, OPT_ON_DOWN }
/* clang-format on */

/* Takes one option. 0, or -EINVAL after a reported error, which names it as it was typed. */
int rule_options_take(struct rule_options *options, int opt, const char *value);

/*
 * Once all are taken: what --ports and --proto mean together, and who has the names of --uid, --gid
 * and --cgroup. 0, or a reported -errno.
 */
int rule_options_finish(struct rule_options *options);

/* Makes a rule. Options not given have their defaults: all TCP, everywhere, relay, drop. */
int rule_options_create(const struct rule_options *options, const char *name,
			enum tproxy_action action, struct rule *ret_rule);

/* Extends an existing rule by the options; the rest of the rule stays. */
int rule_options_extend(const struct rule_options *options, struct rule *rule);

/* True if that would change nothing. */
bool rule_options_within(const struct rule_options *options, const struct rule *rule);

void rule_options_free(struct rule_options *options);
#define __cleanup_rule_options __attribute__((cleanup(rule_options_free)))

#endif
