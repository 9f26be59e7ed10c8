/* SPDX-License-Identifier: BSD-2-Clause */
/* [egress NAME]: how flows of the relay leave this host. */
#include <string.h>

#include "policy/config/carried.h"

static bool exists(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_egresses; i++)
		if (!strcmp(c->egresses[i].name, name))
			return true;
	return false;
}

static int begin(struct reading *r, const char *name, bool *ret_begun)
{
	const struct config_taker *taker = r->reader->egress;
	struct config *c = r->config;
	const char *why = "there is an egress of that name already";
	int err = exists(c, name) ? -EEXIST : 0;

	if (!err && taker)
		err = taker->begin(taker->arg, name, &why);
	if (err && err != -ENOMEM) {
		fail(r, "[egress %s]: %s", name, why);
		return 0;
	}
	if (!err)
		err = array_room((void **)&c->egresses, c->n_egresses, &c->egresses_room,
				 sizeof(*c->egresses));
	if (err)
		return err;
	c->egresses[c->n_egresses] = (struct config_egress){ .line = r->place.line };
	snprintf(c->egresses[c->n_egresses++].name, sizeof(c->egresses->name), "%s", name);
	*ret_begun = true;
	return 0;
}

static int take(struct reading *r, const struct ini_line *line)
{
	struct config *c = r->config;

	return carried_take(r, r->reader->egress, &c->egresses[c->n_egresses - 1].lines, line);
}

const struct config_section config_egress_section = { .kind = "egress",
						      .named = true,
						      .begin = begin,
						      .take = take };
