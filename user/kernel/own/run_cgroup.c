/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/own/run_cgroup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cgroup2.h"
#include "lib/util.h"

#define MAX_DEPTH TPROXY_OWN_LEVELS
#define MAX_LOOKED_AT 20000 /* cgroups */

const char *const own_run_names[OWN_RUN_MAX] = { "tproxy.run", "tproxy.not" };

static int map_of(const struct own_exclusion *x, enum own_run kind)
{
	return kind == OWN_RUN_IN ? x->included : x->excluded;
}

/* ---- making ------------------------------------------------------------- */

/* A user who made it may put into it whom he wants. */
static int check_owner(int parent, const char *name)
{
	struct stat st;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return S_ISDIR(st.st_mode) && st.st_uid == 0 ? 0 : -EPERM;
}

int own_run_make(const struct own_exclusion *x, enum own_run kind, const char *parent,
		 char *ret_path)
{
	const char *name = own_run_names[kind];
	__cleanup_close int dir = cgroup2_open(parent);
	char path[PATH_MAX];
	__u64 id;
	int err = dir < 0 ? dir : 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", parent, name) >= sizeof(path))
		return -ENAMETOOLONG;
	if (!err && mkdirat(dir, name, 0755) && errno != EEXIST)
		err = -errno;
	if (!err)
		err = check_owner(dir, name);
	if (!err)
		err = cgroup2_id(path, &id);
	if (!err)
		err = own_cgroup_enter(map_of(x, kind), id);
	if (!err)
		snprintf(ret_path, PATH_MAX, "%s", path);
	return err;
}

/* ---- finding ------------------------------------------------------------ */

struct search {
	const struct own_exclusion *x;
	char path[PATH_MAX]; /* of the directory that is looked at, below the mount */
	unsigned int left;
};

static int look_below(struct search *s, int depth);

static int enter_if_ours(struct search *s, int dir, const char *name)
{
	__u64 id;

	for (int kind = 0; kind < OWN_RUN_MAX; kind++)
		if (!strcmp(name, own_run_names[kind]) && !check_owner(dir, name) &&
		    !cgroup2_id(s->path, &id))
			return own_cgroup_enter(map_of(s->x, kind), id);
	return 0;
}

static int look_at(struct search *s, DIR *dir, const char *name, int depth)
{
	size_t len = strlen(s->path), room = sizeof(s->path) - len;
	int err;

	if (name[0] == '.' || (size_t)snprintf(s->path + len, room, "/%s", name) >= room) {
		s->path[len] = '\0';
		return 0;
	}
	err = enter_if_ours(s, dirfd(dir), name);
	if (!err)
		err = look_below(s, depth + 1);
	s->path[len] = '\0';
	return err;
}

static int look_below(struct search *s, int depth)
{
	__cleanup_close int fd = depth < MAX_DEPTH ? cgroup2_open(s->path) : -1;
	__cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return 0; /* it is gone, or too deep for the programs as well */
	take_fd(&fd);
	while (!err && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR)
			continue;
		err = s->left-- ? look_at(s, dir, entry->d_name, depth) : -E2BIG;
	}
	return err;
}

int own_run_find(const struct own_exclusion *x)
{
	struct search search = { .x = x, .left = MAX_LOOKED_AT };

	return look_below(&search, 0);
}

/* ---- tidying ------------------------------------------------------------ */

struct tidying {
	int map;
	const char *name;
};

/* rmdir fails with EBUSY while there are processes. */
static int tidy(__u64 id, void *arg)
{
	const struct tidying *t = arg;
	__cleanup_close int root = cgroup2_open("");
	char path[PATH_MAX], procs[PATH_MAX + 16];
	const char *name;
	struct stat st;
	int err = cgroup2_path(id, path, sizeof(path));

	if (err == -ESTALE)
		own_cgroup_remove(t->map, id);
	name = err ? NULL : strrchr(path, '/');
	if (root < 0 || !name || strcmp(name + 1, t->name))
		return 0;
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path + 1);
	if (fstatat(root, procs, &st, 0) || st.st_uid)
		return 0;
	if (!unlinkat(root, path + 1, AT_REMOVEDIR))
		own_cgroup_remove(t->map, id);
	return 0;
}

void own_run_tidy(const struct own_exclusion *x)
{
	for (int kind = 0; kind < OWN_RUN_MAX; kind++) {
		struct tidying t = { map_of(x, kind), own_run_names[kind] };

		own_cgroups_each(t.map, tidy, &t);
	}
}
