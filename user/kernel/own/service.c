/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/own/service.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "lib/cgroup2.h"
#include "lib/util.h"

/*
 * NAME.service at the end. Sessions and user managers are no services of one program, and their
 * processes are not all of the proxy anyway.
 */
static bool is_service(const char *path)
{
	const char *name = strrchr(path, '/');
	size_t len = strlen(path);

	return name && strncmp(name, "/user@", 6) && len > 8 && !strcmp(path + len - 8, ".service");
}

static bool pid_is_excluded(const struct own_exclusion *x, pid_t pid)
{
	struct own_task task;
	int err = own_task_read(pid, &task);

	return err == -ESRCH || (!err && own_task_is_excluded(x, &task));
}

static FILE *open_in(int dir, const char *name)
{
	__cleanup_close int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (file)
		take_fd(&fd);
	return file;
}

static bool has_cgroups_below(int dir)
{
	__cleanup_file FILE *file = open_in(dir, "cgroup.stat");
	char line[256];
	int below = 1;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "nr_descendants %d", &below) == 1)
			break;
	return below;
}

/* Nothing is known of cgroups below: then the answer is no. */
static bool all_are_excluded(const struct own_exclusion *x, const char *cgroup)
{
	__cleanup_close int dir = cgroup2_open(cgroup);
	__cleanup_file FILE *file = open_in(dir, "cgroup.procs");
	char line[32];
	int pid;

	if (!file || has_cgroups_below(dir))
		return false;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%d", &pid) != 1 || !pid_is_excluded(x, pid))
			return false;
	return true;
}

static bool is_followed(const struct own_services *services, const char *path)
{
	for (unsigned int i = 0; i < services->n; i++)
		if (!strcmp(services->paths[i], path))
			return true;
	return false;
}

void own_service_note(const struct own_exclusion *x, pid_t pid, struct own_services *services)
{
	char path[PATH_MAX];
	__u64 id;

	if (cgroup2_of(pid, path, sizeof(path)) || !is_service(path) ||
	    is_followed(services, path) || !all_are_excluded(x, path) || cgroup2_id(path, &id) ||
	    own_cgroup_enter(x->excluded, id) || services->n == OWN_SERVICES_MAX)
		return;
	services->paths[services->n] = strdup(path);
	services->ids[services->n] = id;
	services->n += services->paths[services->n] != NULL;
}

void own_service_follow(const struct own_exclusion *x, struct own_services *services)
{
	for (unsigned int i = 0; i < services->n; i++) {
		__u64 id;

		if (cgroup2_id(services->paths[i], &id) || id == services->ids[i])
			continue;
		own_cgroup_remove(x->excluded, services->ids[i]);
		if (!own_cgroup_enter(x->excluded, id))
			services->ids[i] = id;
	}
}

void own_services_free(struct own_services *services)
{
	for (unsigned int i = 0; i < services->n; i++)
		free(services->paths[i]);
	*services = (struct own_services){ 0 };
}
