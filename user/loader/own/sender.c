/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/own/sender.h"

#include <limits.h>
#include <string.h>

#include "lib/cgroup2.h"
#include "lib/util.h"

/* Those that the programs look at. */
static void keep_topmost(struct own_sender *sender)
{
	const size_t n = sender->takes.n_cgroups;

	if (n <= TPROXY_OWN_LEVELS)
		return;
	memmove(sender->cgroups, sender->cgroups + n - TPROXY_OWN_LEVELS,
		TPROXY_OWN_LEVELS * sizeof(sender->cgroups[0]));
	sender->takes.n_cgroups = TPROXY_OWN_LEVELS;
}

/* A path and those above it. */
static int add_cgroups(const char *path, struct own_sender *sender)
{
	__cleanup_free char *copy = strdup(path);
	int err = copy ? 0 : -ENOMEM;
	char *slash;

	while (!err && sender->takes.n_cgroups < OWN_LEVELS) {
		err = cgroup2_id(copy, &sender->cgroups[sender->takes.n_cgroups++]);
		slash = strrchr(copy, '/');
		if (err || !slash || !slash[1])
			break;
		slash[slash == copy] = '\0';
	}
	keep_topmost(sender);
	return err;
}

/* Without cgroup2 a process is in none. */
static int add_cgroups_of(pid_t pid, struct own_sender *sender)
{
	char path[PATH_MAX];
	int err = cgroup2_of(pid, path, sizeof(path));

	if (!err)
		err = add_cgroups(path, sender);
	return err == -ENODEV || err == -ENOENT ? 0 : err;
}

int own_sender_find(const struct rule *named, struct own_sender *ret_sender)
{
	const struct owner_set *sets = named->owners;
	struct own_sender s = { .takes.id = { getuid(), getgid() } };
	const struct owner_item *cgroup = sets[TPROXY_OWNER_CGROUP].items;
	int err = 0;

	for (int kind = TPROXY_OWNER_UID; kind <= TPROXY_OWNER_GID; kind++)
		if (sets[kind].n)
			s.takes.id[kind] = sets[kind].items[0].first;
	if (!sets[TPROXY_OWNER_CGROUP].n)
		err = add_cgroups_of(getpid(), &s);
	else if (cgroup->name)
		err = add_cgroups(cgroup->name, &s);
	else
		s.cgroups[s.takes.n_cgroups++] = cgroup->first;
	if (err)
		return err;
	*ret_sender = s;
	ret_sender->takes.cgroups = ret_sender->cgroups;
	return 0;
}

/* The real user and group, as bpf_get_current_uid_gid gives them. */
static int read_ids(pid_t pid, struct own_sender *sender)
{
	__cleanup_file FILE *file = NULL;
	__cleanup_free char *line = NULL;
	char path[64];
	size_t room = 0;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && getline(&line, &room, file) >= 0) {
		char *value = line + strcspn(line, "\t") + 1;

		if (!strncmp(line, "Uid:\t", 5))
			sender->takes.id[TPROXY_OWNER_UID] = strtoul(value, NULL, 10);
		else if (!strncmp(line, "Gid:\t", 5))
			sender->takes.id[TPROXY_OWNER_GID] = strtoul(value, NULL, 10);
		else
			continue;
		found++;
	}
	return found == 2 ? 0 : -ESRCH;
}

int own_sender_of(pid_t pid, struct own_sender *ret_sender)
{
	struct own_sender s = { 0 };
	int err = read_ids(pid, &s);

	if (!err)
		err = add_cgroups_of(pid, &s);
	if (err)
		return err;
	*ret_sender = s;
	ret_sender->takes.cgroups = ret_sender->cgroups;
	return 0;
}
