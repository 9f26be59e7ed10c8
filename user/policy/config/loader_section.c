/* SPDX-License-Identifier: BSD-2-Clause */
/* [loader]: what the loader attaches to, and the settings of all rules. */
#include <ctype.h>
#include <string.h>

#include "lib/parse.h"
#include "policy/config/keys.h"
#include "policy/config/list.h"

static int begin(struct reading *r, const char *name, bool *ret_begun)
{
	if (r->seen_loader)
		fail(r, "[loader]: there is such a section already");
	r->seen_loader = *ret_begun = true;
	r->loader_line = r->place.line;
	return 0;
}

/* A glob may match lo, which is left out then. */
static int take_devices(struct reading *r, const char *key, const char *value, struct name_set *set)
{
	int err = config_take_names(r, value, set);

	for (size_t i = 0; i < set->n && !err; i++)
		if (!strcmp(set->items[i], "lo"))
			fail(r,
			     "%s = lo: the host's own traffic is not intercepted by an interface "
			     "(local = yes)",
			     key);
	return err;
}

static int take_interfaces(struct reading *r, const char *value)
{
	return take_devices(r, "interfaces", value, &r->config->interfaces);
}

static int take_divert(struct reading *r, const char *value)
{
	return take_devices(r, "divert", value, &r->config->divert);
}

static int take_mark(struct reading *r, const char *value)
{
	const char *why;

	if (parse_mark(value, &r->config->mark, &why))
		fail(r, "mark = %.80s: %s", value, why);
	return 0;
}

static int take_table(struct reading *r, const char *value)
{
	const char *why;

	if (parse_table(value, &r->config->table, &why))
		fail(r, "table = %.80s: %s", value, why);
	return 0;
}

static int take_learn(struct reading *r, const char *value)
{
	const char *why;

	if (parse_u32(value, 0, CONFIG_LEARN_MAX_S, &r->config->learn, &why))
		fail(r, "learn = %.80s: %s (seconds, at most %d)", value, why, CONFIG_LEARN_MAX_S);
	r->config->has_learn = true;
	return 0;
}

static int take_on_down(struct reading *r, const char *value)
{
	int index = config_take_index(r, "on-proxy-down", value, policy_on_down_names,
				      TPROXY_ON_DOWN_MAX);

	if (index >= 0)
		r->config->on_down = (enum tproxy_on_down)index;
	return 0;
}

static int take_unreadable(struct reading *r, const char *value)
{
	int index = config_take_index(r, "unreadable", value, policy_unreadable_names,
				      TPROXY_UNREADABLE_MAX);

	if (index >= 0)
		r->config->policy.unreadable = (enum tproxy_unreadable)index;
	return 0;
}

/* ---- own traffic -------------------------------------------------------- */

static int take_local(struct reading *r, const char *value)
{
	static const char *const names[] = { "no", "yes" };
	int index = config_take_index(r, "local", value, names, ARRAY_SIZE(names));

	r->config->has_local = index >= 0;
	r->config->local = index > 0;
	return 0;
}

static int take_own_mark(struct reading *r, const char *value)
{
	const char *why;

	if (parse_mark(value, &r->config->own_mark, &why))
		fail(r, "own-mark = %.80s: %s", value, why);
	return 0;
}

static int take_own_table(struct reading *r, const char *value)
{
	const char *why;

	if (parse_table(value, &r->config->own_table, &why))
		fail(r, "own-table = %.80s: %s", value, why);
	return 0;
}

static int take_own_bound(struct reading *r, const char *value)
{
	int index = config_take_index(r, "own-bound", value, config_own_bound_names,
				      CONFIG_OWN_BOUND_MAX);

	if (index >= 0)
		r->config->own_bound = (enum config_own_bound)index;
	return 0;
}

static int take_excluded(struct config_place *place, const char *word, void *arg)
{
	struct reading *r = arg;
	struct owner_set *set = &r->config->own_exclude;
	const char *why = "out of memory";
	int err = policy_take_owner(word, TPROXY_OWNER_CGROUP, set, &why);

	if (!err && set->none) {
		set->none = false;
		why = "not the path of a cgroup, or its id";
		err = -EINVAL;
	}
	if (err && err != -ENOMEM)
		config_error(place, "own-exclude = %.80s: %s", word, why);
	return err == -ENOMEM ? err : 0;
}

static int take_own_exclude(struct reading *r, const char *value)
{
	if (!r->config->own_exclude_line)
		r->config->own_exclude_line = r->place.line;
	return config_words(&r->place, value, take_excluded, r);
}

/* A whole mark, of which several bits may be set, unlike those of our own. */
static int take_own_proxy_mark(struct reading *r, const char *value)
{
	char *end;
	unsigned long mark;

	errno = 0;
	mark = strtoul(value, &end, 0);
	if (!isdigit((unsigned char)*value) || *end || errno || !mark || mark > UINT32_MAX)
		fail(r, "own-proxy-mark = %.80s: not a mark (a number from 1 to 0xffffffff)",
		     value);
	r->config->own_proxy_mark = (__u32)mark;
	return 0;
}

static int take(struct reading *r, const struct ini_line *line)
{
	static const struct config_key keys[] = {
		{ "interfaces", take_interfaces, true },
		{ "divert", take_divert, true },
		{ "mark", take_mark, false },
		{ "table", take_table, false },
		{ "learn", take_learn, false },
		{ "on-proxy-down", take_on_down, false },
		{ "unreadable", take_unreadable, false },
		{ "local", take_local, false },
		{ "own-mark", take_own_mark, false },
		{ "own-table", take_own_table, false },
		{ "own-bound", take_own_bound, false },
		{ "own-exclude", take_own_exclude, true },
		{ "own-proxy-mark", take_own_proxy_mark, false },
		{ NULL, NULL, false },
	};

	return config_take_key(r, keys, line);
}

const struct config_section config_loader_section = { .kind = "loader",
						      .begin = begin,
						      .take = take };
