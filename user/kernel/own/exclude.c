/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/own/exclude.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util.h"

#define MAX_CGROUPS 1024 /* entries of a map of cgroups: bpf/own_maps.bpf.h */
#define PIDNS_INIT_INO 0xEFFFFFFCu

/* ---- maps --------------------------------------------------------------- */

static int open_cgroups(const struct state *state, const char *pin, int *ret_fd)
{
	static const struct map_shape shape = { BPF_MAP_TYPE_HASH, sizeof(__u64), sizeof(__u8) };
	int map = state_get_map(&state->pins, pin, &shape);

	if (map < 0)
		return map;
	*ret_fd = map;
	return 0;
}

static int open_tasks(const struct state *state, int *ret_fd)
{
	char path[PINDIR_PATH_LEN];
	int err = pindir_path(&state->pins, "internal/own_tasks", path);
	int map = err ? err : own_task_map(path);

	if (map < 0)
		return map;
	*ret_fd = map;
	return 0;
}

int own_exclusion_open(const struct state *state, struct own_exclusion *x)
{
	int err;

	*x = OWN_EXCLUSION_CLOSED;
	err = open_tasks(state, &x->tasks);
	if (!err)
		err = open_cgroups(state, "internal/own_excluded", &x->excluded);
	if (!err)
		err = open_cgroups(state, "internal/own_included", &x->included);
	return err;
}

void own_exclusion_close(struct own_exclusion *x)
{
	cleanup_fd(&x->tasks);
	cleanup_fd(&x->excluded);
	cleanup_fd(&x->included);
	*x = OWN_EXCLUSION_CLOSED;
}

/* ---- processes ---------------------------------------------------------- */

int own_exclude_task(const struct own_exclusion *x, pid_t pid)
{
	struct own_task task;
	unsigned int n;
	int err = own_task_read(pid, &task);

	if (!err)
		err = own_task_enter(x->tasks, &task);
	if (err != -E2BIG)
		return err;
	err = own_forget_dead(x, &n);
	return err ? err : own_task_enter(x->tasks, &task);
}

int own_forget_task(const struct own_exclusion *x, const struct tproxy_own_task *task)
{
	return bpf_map_delete_elem(x->tasks, task) ? -errno : 0;
}

bool own_task_is_excluded(const struct own_exclusion *x, const struct own_task *task)
{
	__u64 start;

	return !bpf_map_lookup_elem(x->tasks, &task->key, &start) && start == task->start;
}

/* The next key is asked for first, because fn may remove this one. */
int own_tasks_each(const struct own_exclusion *x, own_task_fn *fn, void *arg)
{
	struct own_task task = { 0 };
	struct tproxy_own_task next;
	int err = bpf_map_get_next_key(x->tasks, NULL, &next) ? -errno : 0;

	for (int i = 0; i < TPROXY_OWN_MAX_TASKS && !err; i++) {
		bool more;
		int result = 0;

		task.key = next;
		more = !bpf_map_get_next_key(x->tasks, &task.key, &next);
		if (!bpf_map_lookup_elem(x->tasks, &task.key, &task.start))
			result = fn(&task, arg);
		if (result || !more)
			return result;
	}
	return err == -ENOENT ? 0 : err;
}

/* ---- the dead ----------------------------------------------------------- */

struct task_list {
	struct own_task *items; /* owned */
	size_t n, room;
};

static void free_tasks(struct task_list *list)
{
	free(list->items);
}
#define __cleanup_tasks __attribute__((cleanup(free_tasks)))

static int append(const struct own_task *task, void *arg)
{
	struct task_list *list = arg;
	int err = array_room((void **)&list->items, list->n, &list->room, sizeof(*list->items));

	if (!err)
		list->items[list->n++] = *task;
	return err;
}

static int by_task(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct own_task));
}

static int read_living(struct task_list *living)
{
	__cleanup_dir DIR *proc = opendir("/proc");
	struct dirent *entry;
	struct own_task task;
	int err = proc ? 0 : -errno;

	while (!err && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		err = own_task_read((pid_t)atoi(entry->d_name), &task);
		err = err == -ESRCH ? 0 : err ? err : append(&task, living);
	}
	if (!err && living->n)
		qsort(living->items, living->n, sizeof(*living->items), by_task);
	return err;
}

/* From the first PID namespace all processes can be seen, from others those below. */
static bool is_dead(const struct own_task *task, const struct task_list *living, __u32 pidns)
{
	if (pidns != PIDNS_INIT_INO && task->key.pidns != pidns)
		return false;
	return !living->n || !bsearch(task, living->items, living->n, sizeof(*task), by_task);
}

/* The map is read first: a process that enters itself meanwhile is not among the living yet. */
int own_forget_dead(const struct own_exclusion *x, unsigned int *ret_n)
{
	struct task_list noted __cleanup_tasks = { 0 };
	struct task_list living __cleanup_tasks = { 0 };
	unsigned int removed = 0;
	struct stat ns;
	int err = own_tasks_each(x, append, &noted);

	if (!err)
		err = stat("/proc/self/ns/pid", &ns) ? -errno : read_living(&living);
	for (size_t i = 0; i < noted.n && !err; i++)
		if (is_dead(&noted.items[i], &living, (__u32)ns.st_ino) &&
		    own_task_is_excluded(x, &noted.items[i]))
			removed += !own_forget_task(x, &noted.items[i].key);
	if (!err)
		*ret_n = removed;
	return err;
}

/* ---- cgroups ------------------------------------------------------------ */

int own_cgroup_enter(int map, __u64 id)
{
	__u8 one = 1;

	return bpf_map_update_elem(map, &id, &one, BPF_ANY) ? -errno : 0;
}

int own_cgroup_remove(int map, __u64 id)
{
	return bpf_map_delete_elem(map, &id) ? -errno : 0;
}

bool own_cgroup_is_in(int map, __u64 id)
{
	__u8 one;

	return !bpf_map_lookup_elem(map, &id, &one);
}

int own_cgroups_each(int map, own_cgroup_fn *fn, void *arg)
{
	__u64 id, next;
	int err = bpf_map_get_next_key(map, NULL, &next) ? -errno : 0;

	for (int i = 0; i < MAX_CGROUPS && !err; i++) {
		bool more;
		int result;

		id = next;
		more = !bpf_map_get_next_key(map, &id, &next);
		result = fn(id, arg);
		if (result || !more)
			return result;
	}
	return err == -ENOENT ? 0 : err;
}
