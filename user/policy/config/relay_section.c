/* SPDX-License-Identifier: BSD-2-Clause */
/* [relay]: the options of the relay. */
#include "policy/config/carried.h"

static int begin(struct reading *r, const char *name, bool *ret_begun)
{
	if (r->config->has_relay)
		fail(r, "[relay]: there is such a section already");
	r->config->has_relay = *ret_begun = true;
	r->relay_line = r->place.line;
	return 0;
}

static int take(struct reading *r, const struct ini_line *line)
{
	return carried_take(r, r->reader->relay, &r->config->relay, line);
}

const struct config_section config_relay_section = { .kind = "relay",
						     .begin = begin,
						     .take = take };
