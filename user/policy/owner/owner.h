/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose traffic a rule is for: sets of users, groups or cgroups, as ids and with the names that
 * people gave them. Pure data: must not look up names (loader/edit/owners.h does), nor know rules.
 */
#ifndef TPROXY_POLICY_OWNER_OWNER_H
#define TPROXY_POLICY_OWNER_OWNER_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/parse.h"
#include "tproxy_own.h"

struct owner_item {
	__u64 first, last; /* ids; valid if known */
	char *name; /* of a user or group, or path of a cgroup; owned; NULL: ids were given */
	bool known; /* false: a name that was not looked up, or that nothing has */
};

/* Without items: everybody, or with `none` nobody. */
struct owner_set {
	struct owner_item *items; /* owned */
	size_t n, room;
	bool none;
};

#define OWNER_SET_MAX 1024 /* items that a rule may name */
#define OWNER_NAME_MAX 4095
#define OWNER_MAX_UID 4294967294u /* and of groups: the last one means "none" to the kernel */

extern const char *const owner_kind_names[TPROXY_OWNER_KIND_MAX]; /* keys of a rule */

bool owner_set_is_any(const struct owner_set *set);
bool owner_set_is_none(const struct owner_set *set);
/* Is this id, or this name without an id, in the set? That of everybody has all. */
bool owner_set_has(const struct owner_set *set, const struct owner_item *owner);
bool owner_set_has_item(const struct owner_set *set, const struct owner_item *item); /* as it is */
bool owner_set_covers(const struct owner_set *outer, const struct owner_set *inner);
bool owner_set_same(const struct owner_set *a, const struct owner_set *b);

/* All of these: 0 or -ENOMEM. Names are copied. */
int owner_set_add(struct owner_set *set, const struct owner_item *owner);
int owner_set_append(struct owner_set *set, const struct owner_item *owner); /* known to be new */
int owner_set_merge(struct owner_set *to, const struct owner_set *from);
/* The ids of `live`, with those names of `named` whose ids it has, and those without an id. */
int owner_set_name(struct owner_set *live, const struct owner_set *named);

void owner_set_free(struct owner_set *set);

/* ---- as text ------------------------------------------------------------ */

/* One item of the key: an id, a range of ids of users or groups, or a name. */
int owner_parse(enum tproxy_owner_kind kind, const char *text, struct owner_item *ret_owner,
		const char **ret_why);
void owner_free(struct owner_item *owner);

#define OWNER_TEXT_LEN 48
/* The name, or else the ids in buf. */
const char *owner_text(const struct owner_item *owner, char *buf);

/* ---- as keys of the map `owners` ---------------------------------------- */

#define OWNER_FAMILY 0   /* of a struct prefix: a key of `owners`; addr: kind, zeros, id */
#define OWNER_ANY_LEN 32 /* the kind alone */
#define OWNER_ID_LEN 96

struct prefix owner_prefix(enum tproxy_owner_kind kind, __u64 id, unsigned int id_bits);
/* Calls fn for each prefix of the set; stops at the first non-zero result. -ENOMEM. */
int owner_set_prefixes(enum tproxy_owner_kind kind, const struct owner_set *set,
		       int (*fn)(const struct prefix *prefix, void *arg), void *arg);
/* Adds the ids of a prefix longer than OWNER_ANY_LEN, joined to the item before if they follow. */
int owner_set_add_prefix(struct owner_set *set, const struct prefix *prefix);

void owner_key(const struct prefix *prefix, struct tproxy_owner_key *ret_key);
struct prefix owner_of_key(const struct tproxy_owner_key *key);

#endif
