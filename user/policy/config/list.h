/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists in a value or in a file of their own. Must not know what their entries mean. */
#ifndef TPROXY_POLICY_CONFIG_LIST_H
#define TPROXY_POLICY_CONFIG_LIST_H

#include "policy/config/place.h"

enum config_lists {
	CONFIG_LISTS_READ,
	CONFIG_LISTS_SKIP,   /* @FILE is right, and not opened */
	CONFIG_LISTS_REFUSE, /* @FILE is an error: the text does not come from a file */
};

/*
 * Takes one entry, which is in the value itself, or in a list file that `place` names. Reports
 * what is wrong with the entry. 0 or -ENOMEM, which ends the list.
 */
typedef int config_entry_fn(struct config_place *place, const char *entry, void *arg);

/* The words of a value, separated by blanks or commas. 0 or -ENOMEM. */
int config_words(struct config_place *place, const char *value, config_entry_fn *take, void *arg);

/*
 * The same, but for each @FILE the lines of that file. A relative FILE is looked for in the
 * directory of the file that names it.
 */
int config_list(struct config_place *place, enum config_lists lists, const char *value,
		config_entry_fn *take, void *arg);

#endif
