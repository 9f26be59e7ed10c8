/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of keys, and kinds of values that several keys have. */
#include "policy/config/keys.h"

#include <string.h>

int config_take_key(struct reading *r, const struct config_key *keys, const struct ini_line *line)
{
	bool continued = line->kind == INI_CONTINUED;

	for (unsigned int i = 0; keys[i].name; i++) {
		if (strcmp(keys[i].name, line->name))
			continue;
		if (continued ? !keys[i].list : r->seen >> i & 1) {
			fail(r, "%s: %s", line->name,
			     continued ? "takes one line only" : "given twice");
			return 0;
		}
		r->seen |= 1U << i;
		if (*line->value)
			return keys[i].take(r, line->value);
		fail(r, "%s: no value", line->name);
		return 0;
	}
	fail(r, "%.80s: unknown key", line->name);
	return 0;
}

static int take_name(struct config_place *place, const char *word, void *arg)
{
	if (policy_ifname_is_valid(word))
		return name_set_add(arg, word);
	config_error(place, "%.80s: not a name of an interface, or a glob", word);
	return 0;
}

int config_take_names(struct reading *r, const char *value, struct name_set *set)
{
	return config_words(&r->place, value, take_name, set);
}

int config_take_index(struct reading *r, const char *key, const char *value,
		      const char *const *names, size_t n)
{
	int index = parse_name(value, names, n);
	char choices[128] = "";

	if (index >= 0)
		return index;
	for (size_t i = 0, len = 0; i < n && len < sizeof(choices); i++)
		if (names[i])
			len += (size_t)snprintf(choices + len, sizeof(choices) - len, "%s%s",
						len ? ", " : "", names[i]);
	fail(r, "%s = %.80s: unknown value (%s)", key, value, choices);
	return -EINVAL;
}
