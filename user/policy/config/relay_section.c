/* SPDX-License-Identifier: BSD-2-Clause */
/* [relay]: the relay's own configuration checks the keys; they are kept as text. */
#include <string.h>

#include "policy/config/reading.h"

static int begin(struct reading *r, const char *name, bool *ret_begun)
{
	if (r->config->has_relay)
		fail(r, "[relay]: there is such a section already");
	r->config->has_relay = *ret_begun = true;
	r->relay_line = r->place.line;
	return 0;
}

static int keep_line(struct reading *r, const struct ini_line *line)
{
	struct config *c = r->config;
	char *key = strdup(line->name), *value = strdup(line->value);
	int err = key && value ? 0 : -ENOMEM;

	if (!err)
		err = array_room((void **)&c->relay, c->n_relay, &c->relay_room, sizeof(*c->relay));
	if (err) {
		free(key);
		free(value);
		return err;
	}
	c->relay[c->n_relay++] = (struct config_line){ key, value, line->kind == INI_CONTINUED };
	return 0;
}

static bool has_key(const struct config *c, const char *key)
{
	for (size_t i = 0; i < c->n_relay; i++)
		if (!strcmp(c->relay[i].key, key))
			return true;
	return false;
}

struct relay_list {
	const struct config_relay *relay;
	const char *key;
};

static int take_entry(struct config_place *place, const char *entry, void *arg)
{
	const struct relay_list *list = arg;
	const char *why = "";
	int err = list->relay->add(list->relay->arg, list->key, entry, &why);

	if (err && err != -ENOMEM)
		config_error(place, "%.80s: %s", entry, why);
	return err == -ENOMEM ? err : 0;
}

static int check_key(struct reading *r, const struct ini_line *line)
{
	const struct config_relay *relay = r->reader->relay;
	struct relay_list list = { relay, line->name };
	bool is_list = relay->is_list(line->name);
	const char *why = "takes one line only";
	int err = -EINVAL;

	if (is_list || line->kind == INI_KEY)
		err = relay->set(relay->arg, line->name, line->value, &why);
	if (err == -ENOMEM)
		return err;
	if (!err && !is_list && has_key(r->config, line->name)) {
		err = -EEXIST;
		why = "given twice";
	}
	if (err)
		fail(r, "%.80s = %.160s: %s", line->name, relay->shown(line->name, line->value),
		     why);
	if (err || !is_list)
		return 0;
	return config_list(&r->place, CONFIG_LISTS_READ, line->value, take_entry, &list);
}

static int take(struct reading *r, const struct ini_line *line)
{
	int err = r->reader->relay ? check_key(r, line) : 0;

	return err ? err : keep_line(r, line);
}

const struct config_section config_relay_section = { .kind = "relay",
						     .begin = begin,
						     .take = take };
