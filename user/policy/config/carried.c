/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/config/carried.h"

#include <string.h>

static int keep_line(struct config_lines *lines, const struct ini_line *line)
{
	char *key = strdup(line->name), *value = strdup(line->value);
	int err = key && value ? 0 : -ENOMEM;

	if (!err)
		err = array_room((void **)&lines->items, lines->n, &lines->room,
				 sizeof(*lines->items));
	if (err) {
		free(key);
		free(value);
		return err;
	}
	lines->items[lines->n++] = (struct config_line){ key, value, line->kind == INI_CONTINUED };
	return 0;
}

static bool has_key(const struct config_lines *lines, const char *key)
{
	for (size_t i = 0; i < lines->n; i++)
		if (!strcmp(lines->items[i].key, key))
			return true;
	return false;
}

struct carried_list {
	const struct config_taker *taker;
	const char *key;
};

static int take_entry(struct config_place *place, const char *entry, void *arg)
{
	const struct carried_list *list = arg;
	const char *why = "";
	int err = list->taker->add(list->taker->arg, list->key, entry, &why);

	if (err && err != -ENOMEM)
		config_error(place, "%.80s: %s", entry, why);
	return err == -ENOMEM ? err : 0;
}

static int check_key(struct reading *r, const struct config_taker *taker,
		     const struct config_lines *lines, const struct ini_line *line)
{
	struct carried_list list = { taker, line->name };
	bool is_list = taker->is_list(line->name);
	const char *why = "takes one line only";
	int err = -EINVAL;

	if (is_list || line->kind == INI_KEY)
		err = taker->set(taker->arg, line->name, line->value, &why);
	if (err == -ENOMEM)
		return err;
	if (!err && !is_list && has_key(lines, line->name)) {
		err = -EEXIST;
		why = "given twice";
	}
	if (err)
		fail(r, "%.80s = %.160s: %s", line->name, taker->shown(line->name, line->value),
		     why);
	if (err || !is_list)
		return 0;
	return config_list(&r->place, CONFIG_LISTS_READ, line->value, take_entry, &list);
}

int carried_take(struct reading *r, const struct config_taker *taker, struct config_lines *lines,
		 const struct ini_line *line)
{
	int err = taker ? check_key(r, taker, lines, line) : 0;

	return err ? err : keep_line(lines, line);
}
