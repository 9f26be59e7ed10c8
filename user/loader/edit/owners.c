/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/edit/owners.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "lib/cgroup2.h"
#include "lib/util.h"

#define ENTRY_ROOM 65536 /* a group may have many members */

static int user_id(const char *name, char *room, __u64 *ret_id)
{
	struct passwd entry, *found = NULL;
	int err = -getpwnam_r(name, &entry, room, ENTRY_ROOM, &found);

	if (found)
		*ret_id = entry.pw_uid;
	return found ? 0 : err ? err : -ENOENT;
}

static int group_id(const char *name, char *room, __u64 *ret_id)
{
	struct group entry, *found = NULL;
	int err = -getgrnam_r(name, &entry, room, ENTRY_ROOM, &found);

	if (found)
		*ret_id = entry.gr_gid;
	return found ? 0 : err ? err : -ENOENT;
}

int owners_find_id(enum tproxy_owner_kind kind, const char *name, __u64 *ret_id)
{
	__cleanup_free char *room = NULL;

	if (kind == TPROXY_OWNER_CGROUP)
		return cgroup2_id(name, ret_id);
	room = malloc(ENTRY_ROOM);
	if (!room)
		return -ENOMEM;
	return kind == TPROXY_OWNER_UID ? user_id(name, room, ret_id) :
					  group_id(name, room, ret_id);
}

static const char *cause(enum tproxy_owner_kind kind, int err)
{
	if (err == -ENODEV)
		return "cgroup2 is not mounted (mount -t cgroup2 none /sys/fs/cgroup)";
	if (err != -ENOENT)
		return strerror(-err);
	switch (kind) {
	case TPROXY_OWNER_UID:
		return "no such user (id -u NAME)";
	case TPROXY_OWNER_GID:
		return "no such group (getent group NAME)";
	default:
		return "no such cgroup now; it matches nothing until it is there (watch, or apply again)";
	}
}

static int look_up(enum tproxy_owner_kind kind, struct owner_item *owner,
		   const struct owners_report *report)
{
	bool may_come = kind == TPROXY_OWNER_CGROUP;
	char text[OWNERS_WHY_LEN];
	int err = owners_find_id(kind, owner->name, &owner->first);

	owner->last = owner->first;
	owner->known = !err;
	if (!err)
		return 0;
	may_come = may_come && err == -ENOENT;
	snprintf(text, sizeof(text), "%s%s%.120s: %s", owner_kind_names[kind], report->equals,
		 owner->name, cause(kind, err));
	report->problem(text, !may_come, report->arg);
	return may_come ? 0 : -ENOENT;
}

int owners_look_up(struct rule *rule, const struct owners_report *report)
{
	int err = 0;

	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++) {
		struct owner_set *set = &rule->owners[kind];

		for (size_t i = 0; i < set->n; i++)
			if (set->items[i].name)
				err = first_error(err, look_up(kind, &set->items[i], report));
	}
	return err;
}
