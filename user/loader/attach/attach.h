/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of attach share: the command line as a request, the interfaces it names, and the
 * policy before and after the call. cmd_attach.c owns the order of the steps.
 */
#ifndef TPROXY_LOADER_ATTACH_ATTACH_H
#define TPROXY_LOADER_ATTACH_ATTACH_H

#include "kernel/hook/after.h"
#include "kernel/maps/policy_maps.h"
#include "loader/edit/ruleopts.h"
#include "loader/steps/own/own.h"
#include "loader/steps/setup.h"

#define ATTACH_MAX_IFACES 64

struct attach_request {
	const char *names[ATTACH_MAX_IFACES]; /* names and globs, as given */
	size_t n;
	struct rule_options rule;
	bool local; /* own traffic, too, or nothing else without names */
	struct own_want own;
	bool divert_only, probe, dry_run;
	bool has_unreadable;
	enum tproxy_unreadable unreadable;
	enum hook hook; /* HOOK_NONE: choose */
	struct after after;
	struct setup setup;
	unsigned int learn; /* seconds */
};

/* What an interface was before this call, so that a failure can restore it. */
struct target {
	struct device device;
	bool was_attached;
	struct tproxy_iface before;
	bool touched;
};

struct attach {
	const struct attach_request *request;
	struct session *session;
	struct target targets[ATTACH_MAX_IFACES];
	size_t n;
	struct policy before, after;
	int rule;    /* the one that took the rule options, or -1 */
	int limited; /* the one that was for every interface until now, or -1 */
	bool created, policy_changed;
	bool own_before; /* own traffic was attached before this call */
	bool own_touched;
};

/* options.c: EXIT_DONE, or EXIT_USAGE after a reported error. */
int attach_parse(struct app *app, int argc, char **argv, struct attach_request *request);

/* policy.c: makes the wanted policy from the present one. Reports its failure. */
int attach_plan_policy(struct attach *a);
/* Finds running UDP flows while the old policy is in force, see learn.h. */
void attach_learn(struct attach *a);
/* Writes the planned policy and prints what changes. */
int attach_change_policy(struct attach *a);
/*
 * default_rule.c: puts the rule options into the rule `default` or into one of its own, so
 * that they concern only the interfaces of this call. Reports its failure.
 */
int attach_place_options(struct attach *a);

#endif
