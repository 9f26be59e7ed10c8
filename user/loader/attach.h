/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of attach share: the command line as a request, the interfaces it
 * means, and the policy before and after. cmd_attach.c owns the order of the steps.
 */
#ifndef TPROXY_LOADER_ATTACH_H
#define TPROXY_LOADER_ATTACH_H

#include "kernel/hook/after.h"
#include "kernel/maps/policy_maps.h"
#include "loader/edit/ruleopts.h"
#include "loader/steps/setup.h"

#define ATTACH_MAX_IFACES 64

struct attach_request {
	const char *names[ATTACH_MAX_IFACES]; /* names and globs, as given */
	size_t n;
	struct rule_options rule;
	bool divert_only, probe, dry_run;
	bool has_unreadable;
	enum tproxy_unreadable unreadable;
	enum hook hook; /* HOOK_NONE: choose */
	struct after after;
	struct setup setup;
	unsigned int learn; /* seconds */
};

/* What one interface was before, so that a failure can put it back. */
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
	int rule;    /* that the rule options went into, or -1 */
	int limited; /* that is for the interfaces it had from now on, or -1 */
	bool created, policy_changed;
};

/* attach_options.c: EXIT_DONE, or EXIT_USAGE after a reported error. */
int attach_parse(struct app *app, int argc, char **argv, struct attach_request *request);

/* attach_rule.c: the policy this call wants, out of the one before it. Reports its failure. */
int attach_plan_policy(struct attach *a);
/* UDP flows under way are found while the old policy is in force, see learn.h. */
void attach_learn(struct attach *a);
/* Writes the planned policy, and says what it does. */
int attach_change_policy(struct attach *a);
/*
 * attach_default.c: puts the rule options into the rule `default` or one beside it, so that
 * they concern the interfaces of this call and no others. Reports its failure.
 */
int attach_place_options(struct attach *a);

#endif
