/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/own/follow.h"

#include <string.h>

#include "kernel/maps/applied.h"
#include "kernel/maps/policy_maps.h"
#include "lib/cgroup2.h"
#include "lib/log.h"

/* A cgroup that is not there has no id, and no process. */
static struct owner_item present(const struct owner_item *item)
{
	struct owner_item now = { .name = item->name };

	now.known = !cgroup2_id(item->name, &now.first);
	now.last = now.first;
	return now;
}

static bool is_stale(const struct owner_item *item)
{
	struct owner_item now;

	if (!item->name)
		return false;
	now = present(item);
	return now.known != item->known || (now.known && now.first != item->first);
}

/* The record has the ids that names had when they were written. */
static int any_is_stale(const struct state *state, bool *ret_stale)
{
	struct applied applied __cleanup_applied = { 0 };
	int err = applied_read_scopes(state, &applied);

	*ret_stale = false;
	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++) {
		const struct owner_set *set = &applied.owners.of[i][TPROXY_OWNER_CGROUP];

		for (size_t j = 0; j < set->n; j++)
			*ret_stale |= is_stale(&set->items[j]);
	}
	return err == -ENOENT ? 0 : err;
}

static void follow(struct rule *rule)
{
	struct owner_set *set = &rule->owners[TPROXY_OWNER_CGROUP];

	for (size_t i = 0; i < set->n; i++) {
		struct owner_item *item = &set->items[i];

		if (!is_stale(item))
			continue;
		*item = present(item);
		log_step("rule %s: cgroup %s %s", rule->name, item->name,
			 item->known ? "is a new one" : "is gone");
	}
}

static int follow_all(struct state *state)
{
	struct policy before __cleanup_policy = { 0 };
	struct policy after __cleanup_policy = { 0 };
	int err = policy_maps_read(state, &before);

	if (!err)
		err = policy_copy(&before, &after);
	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++)
		follow(&after.rules[i]);
	return err ? err : policy_maps_change(state, &before, &after);
}

int own_follow_cgroups(struct session *session)
{
	bool stale;
	int err = any_is_stale(&session->state, &stale);

	if (!err && stale)
		err = follow_all(&session->state);
	if (err)
		log_error("%s: cannot follow the cgroups of rules: %s", session->state.dir,
			  strerror(-err));
	return err;
}
