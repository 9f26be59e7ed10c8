/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/own/paths.h"

#include <bpf/bpf.h>
#include <string.h>

#include "lib/cgroup2.h"
#include "lib/util.h"

/* ---- the map: one value, lines of "ID PATH", with "-" for no path ------- */

static int open_map(const struct state *state)
{
	static const struct map_shape shape = { BPF_MAP_TYPE_ARRAY, sizeof(__u32), OWN_PATHS_LEN };

	return state_get_map(&state->pins, OWN_PATHS_PIN, &shape);
}

static int make_map(const struct state *state)
{
	__cleanup_close int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "own_paths", sizeof(__u32),
						 OWN_PATHS_LEN, 1, NULL);
	int err = map < 0 ? -errno : state_pin(&state->pins, OWN_PATHS_PIN, map);

	return err ? err : take_fd(&map);
}

static int write_text(const struct state *state, const char *text)
{
	__cleanup_close int map = open_map(state);
	__u32 zero = 0;

	if (map == -ENOENT)
		map = *text ? make_map(state) : map;
	if (map < 0)
		return map == -ENOENT ? 0 : map;
	return bpf_map_update_elem(map, &zero, text, BPF_ANY) ? -errno : 0;
}

static int append(char *text, const struct owner_item *item)
{
	size_t len = strlen(text), room = OWN_PATHS_LEN - len;
	int n = snprintf(text + len, room, "%llu %s\n",
			 (unsigned long long)(item->known ? item->first : 0),
			 item->name ? item->name : "-");

	return n < (int)room ? 0 : -E2BIG;
}

static int read_line(char *line, struct owner_item *ret_item)
{
	struct owner_item item = { 0 };
	char *path;

	item.first = item.last = strtoull(line, &path, 10);
	item.known = item.first != 0;
	if (*path++ != ' ' || (!strcmp(path, "-") && !item.known))
		return -EBADMSG;
	item.name = strcmp(path, "-") ? path : NULL;
	*ret_item = item;
	return 0;
}

/* No map means no cgroups. The pin may have been edited by hand: then -EBADMSG. */
int own_paths_get(const struct state *state, struct owner_set *set)
{
	__cleanup_close int map = open_map(state);
	__cleanup_free char *text = calloc(1, OWN_PATHS_LEN + 1);
	char *rest = NULL;
	__u32 zero = 0;
	int err = text ? 0 : -ENOMEM;

	if (map < 0)
		return map == -ENOENT ? 0 : map;
	if (!err && bpf_map_lookup_elem(map, &zero, text))
		err = -errno;
	for (char *line = err ? NULL : strtok_r(text, "\n", &rest); line && !err;
	     line = strtok_r(NULL, "\n", &rest)) {
		struct owner_item item;

		err = read_line(line, &item);
		if (!err)
			err = owner_set_append(set, &item);
	}
	return err;
}

/* ---- ids ---------------------------------------------------------------- */

static void look_up(struct owner_item *item)
{
	if (!item->name)
		return;
	item->known = !cgroup2_id(item->name, &item->first);
	item->last = item->first;
}

static int put(const struct state *state, const struct owner_set *set)
{
	__cleanup_free char *text = calloc(1, OWN_PATHS_LEN);
	int err = text ? 0 : -ENOMEM;

	for (size_t i = 0; i < set->n && !err; i++)
		err = append(text, &set->items[i]);
	return err ? err : write_text(state, text);
}

static int enter(const struct own_exclusion *x, const struct owner_set *set)
{
	int err = 0;

	for (size_t i = 0; i < set->n && !err; i++)
		if (set->items[i].known)
			err = own_cgroup_enter(x->excluded, set->items[i].first);
	return err;
}

/* Those that are in `set` as well stay: there must be no gap. */
static void leave(const struct own_exclusion *x, const struct owner_set *former,
		  const struct owner_set *set)
{
	for (size_t i = 0; i < former->n; i++) {
		bool stays = false;

		for (size_t j = 0; j < set->n; j++)
			stays |= set->items[j].known &&
				 set->items[j].first == former->items[i].first;
		if (former->items[i].known && !stays)
			own_cgroup_remove(x->excluded, former->items[i].first);
	}
}

static int replace(const struct state *state, const struct own_exclusion *x,
		   const struct owner_set *former, const struct owner_set *set)
{
	int err = enter(x, set);

	if (!err)
		err = put(state, set);
	if (!err)
		leave(x, former, set);
	return err;
}

int own_paths_set(const struct state *state, const struct own_exclusion *x,
		  const struct owner_set *cgroups)
{
	struct owner_set former = { 0 }, set = { 0 };
	int err = own_paths_get(state, &former);

	if (err == -EBADMSG)
		err = 0;
	for (size_t i = 0; i < cgroups->n && !err; i++) {
		err = owner_set_append(&set, &cgroups->items[i]);
		if (!err)
			look_up(&set.items[i]);
	}
	if (!err)
		err = replace(state, x, &former, &set);
	owner_set_free(&former);
	owner_set_free(&set);
	return err;
}

int own_paths_follow(const struct state *state, const struct own_exclusion *x)
{
	struct owner_set former = { 0 }, set = { 0 };
	bool changed = false;
	int err = own_paths_get(state, &former);

	for (size_t i = 0; i < former.n && !err; i++) {
		err = owner_set_append(&set, &former.items[i]);
		if (err)
			break;
		look_up(&set.items[i]);
		changed |= set.items[i].known != former.items[i].known ||
			   set.items[i].first != former.items[i].first;
	}
	if (!err && changed)
		err = replace(state, x, &former, &set);
	owner_set_free(&former);
	owner_set_free(&set);
	return err;
}
