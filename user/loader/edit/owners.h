/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks up the names of users, groups and cgroups that rules name. Must not know where rules come
 * from: the caller reports.
 */
#ifndef TPROXY_LOADER_EDIT_OWNERS_H
#define TPROXY_LOADER_EDIT_OWNERS_H

#include "policy/policy.h"

#define OWNERS_WHY_LEN 256

struct owners_report {
	const char *equals; /* between key and name: " = " of a file, " " of an option */
	/* text: "uid = NAME: WHY", one line. A cgroup that is not there yet is only a remark. */
	void (*problem)(const char *text, bool is_error, void *arg);
	void *arg;
};

/* The id of a user, group or cgroup. 0, -ENOENT: there is none of that name, or -errno. */
int owners_find_id(enum tproxy_owner_kind kind, const char *name, __u64 *ret_id);

/* Gives the names of a rule their ids. -ENOENT after a reported error. */
int owners_look_up(struct rule *rule, const struct owners_report *report);

#endif
