/* SPDX-License-Identifier: BSD-2-Clause */
/* What the reader of configuration files needs of its caller. */
#ifndef TPROXY_POLICY_CONFIG_READER_H
#define TPROXY_POLICY_CONFIG_READER_H

#include <linux/types.h>

#include "policy/config/list.h"

/*
 * The keys of [relay] or [egress], which only the relay's own configuration knows. Functions return
 * 0, -ENOMEM, or another -errno with *ret_why saying what is wrong.
 */
struct config_taker {
	/* A section with a name begins; its keys follow. */
	int (*begin)(void *arg, const char *name, const char **ret_why);
	/* One key. Of a list, the entries follow. */
	int (*set)(void *arg, const char *key, const char *value, const char **ret_why);
	/* One entry of a list. */
	int (*add)(void *arg, const char *key, const char *entry, const char **ret_why);
	/* A list may be given several times, and over several lines. */
	bool (*is_list)(const char *key);
	/* The value as messages may have it: without a password. */
	const char *(*shown)(const char *key, const char *value);
	void *arg;
};

struct config_reader {
	const char *name; /* of the file, for messages and as the place of @FILE lists */
	enum config_lists rule_lists; /* of [rule]; those of [relay] and [egress] are always read */
	const struct config_taker *relay;  /* NULL: [relay] is only carried along */
	const struct config_taker *egress; /* likewise */
	/*
	 * Check n of the section as a whole, after the whole file, if it has [relay]: 0, -errno with
	 * a line in ret_why, or -ENOENT if there are no more checks. May be NULL.
	 */
	int (*check_relay)(void *arg, unsigned int n, char *ret_why, size_t size);
	/*
	 * The same for section i of [egress], once; marks: bits of packet marks that tproxy itself
	 * uses, by this file. May be NULL.
	 */
	int (*check_egress)(void *arg, size_t i, __u32 marks, char *ret_why, size_t size);
	void *check_arg;
	struct config_report report;
};

#endif
