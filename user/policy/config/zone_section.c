/* SPDX-License-Identifier: BSD-2-Clause */
/* [zone NAME]: a name for several interfaces. */
#include <string.h>

#include "policy/config/keys.h"

static int begin(struct reading *r, const char *name, bool *ret_begun)
{
	struct config *c = r->config;
	int err;

	for (size_t i = 0; i < c->n_zones; i++) {
		if (strcmp(c->zones[i].name, name))
			continue;
		fail(r, "[zone %s]: there is a zone of that name already", name);
		return 0;
	}
	err = array_room((void **)&c->zones, c->n_zones, &c->zones_room, sizeof(*c->zones));
	if (err)
		return err;
	c->zones[c->n_zones] = (struct config_zone){ 0 };
	snprintf(c->zones[c->n_zones++].name, sizeof(c->zones->name), "%s", name);
	*ret_begun = true;
	return 0;
}

static int take_interfaces(struct reading *r, const char *value)
{
	return config_take_names(r, value, &r->config->zones[r->config->n_zones - 1].interfaces);
}

static int take(struct reading *r, const struct ini_line *line)
{
	static const struct config_key keys[] = {
		{ "interfaces", take_interfaces, true },
		{ NULL, NULL, false },
	};

	return config_take_key(r, keys, line);
}

const struct config_section config_zone_section = { .kind = "zone",
						    .named = true,
						    .begin = begin,
						    .take = take };
