/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/own_task.h"

#include <bpf/bpf.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util.h"

#define STAT_FIELDS_BEFORE_START 19 /* after the name: field 22 of proc(5) is starttime */
#define NS_PER_TICK (1000000000LL / TPROXY_OWN_TICKS)

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

static int missing(void)
{
	return errno == ENOENT || errno == ESRCH ? -ESRCH : -errno;
}

/* What the clock of our time namespace adds to the time of each start, in ticks. */
static long long offset_ticks(void)
{
	__cleanup_file FILE *file = fopen("/proc/self/timens_offsets", "re");
	long long s = 0, ns = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "boottime %lld %lld", &s, &ns) == 2)
			break;
	return s * TPROXY_OWN_TICKS + ns / NS_PER_TICK;
}

/* The name before may contain spaces, parentheses and line feeds. */
static int read_start(pid_t pid, __u64 *ret_start)
{
	__cleanup_file FILE *file = open_proc(pid, "stat");
	unsigned long long start;
	char text[1024], *field;

	if (!file)
		return missing();
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	field = strrchr(text, ')');
	for (int i = 0; field && i <= STAT_FIELDS_BEFORE_START; i++)
		field = strchr(field + 1, ' ');
	if (!field || sscanf(field, " %llu", &start) != 1)
		return -ESRCH;
	*ret_start = start - (__u64)offset_ticks();
	return 0;
}

/* The last number of the line NSpid is the one in the namespace of the process. */
static int read_pid(pid_t pid, __u32 *ret_pid)
{
	__cleanup_file FILE *file = open_proc(pid, "status");
	char line[1024], *last;

	if (!file)
		return missing();
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "NSpid:", 6))
			continue;
		line[strcspn(line, "\n")] = '\0';
		last = strrchr(line, '\t');
		return last && sscanf(last, "%u", ret_pid) == 1 ? 0 : -EPROTO;
	}
	*ret_pid = (__u32)pid; /* a kernel without PID namespaces */
	return 0;
}

int own_task_read(pid_t pid, struct own_task *ret_task)
{
	struct own_task task = { 0 };
	__u64 start_after = 0;
	struct stat ns;
	char path[64];
	int err = read_start(pid, &task.start);

	if (!err)
		err = read_pid(pid, &task.key.pid);
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	if (!err && stat(path, &ns))
		err = missing();
	/* The number may have gone to another process meanwhile. */
	if (!err)
		err = read_start(pid, &start_after);
	if (err)
		return err;
	if (task.start != start_after)
		return -ESRCH;
	task.key.pidns = (__u32)ns.st_ino;
	*ret_task = task;
	return 0;
}

pid_t own_task_parent(pid_t pid)
{
	__cleanup_file FILE *file = open_proc(pid, "status");
	char line[256];
	int parent = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "PPid: %d", &parent) == 1)
			break;
	return parent;
}

int own_task_enter(int map, const struct own_task *task)
{
	return bpf_map_update_elem(map, &task->key, &task->start, BPF_ANY) ? -errno : 0;
}

int own_task_map(const char *path)
{
	__cleanup_close int map = bpf_obj_get(path);
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (map < 0 || bpf_obj_get_info_by_fd(map, &info, &len))
		return -errno;
	if (info.type != BPF_MAP_TYPE_HASH || info.key_size != sizeof(struct tproxy_own_task) ||
	    info.value_size != sizeof(__u64))
		return -EMEDIUMTYPE;
	return take_fd(&map);
}
