/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of prefixes, in a value or in a file of their own. */
#ifndef TPROXY_POLICY_CONFIG_LIST_H
#define TPROXY_POLICY_CONFIG_LIST_H

#include "policy/config/config.h"
#include "lib/util.h"

/* Where an error is, and how many there were. */
struct config_place {
	const struct config_reader *reader;
	const char *file;
	unsigned int line;
	unsigned int errors;
	bool destinations; /* prefixes here are what a rule's packets are addressed to */
};

void config_error(struct config_place *place, const char *fmt, ...) __printf(2, 3);
void config_warning(const struct config_place *place, const char *fmt, ...) __printf(2, 3);

/*
 * Calls fn for each word of a list, words parted by blanks or commas. The callback
 * reports what it does not like; only -ENOMEM stops.
 */
int config_words(const char *value, int (*fn)(const char *word, void *arg), void *arg);

/* One word of `to` or `from`: a prefix, all, none, or @FILE. Appended, not sorted. */
int config_prefix_word(struct config_place *place, const char *word, struct prefix_set *set);

#endif
