/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads and writes the maps of own traffic where tproxy-loader has no command: for tests of the
 * data path.
 *
 *   own hooks STATE off|CGROUP        detaches or attaches the hooks of the cgroup
 *   own set STATE mark|flags|relay-mark|out4|out6 VALUE
 *   own owner STATE uid|gid|cgroup any|ID[/BITS] MASK
 *   own exclude STATE PATH            a cgroup
 *   own task STATE PID                a process that is a proxy
 *   own proxies STATE                 the processes of the rules' listeners; prints services
 *   own forget STATE                  leaves no process and no cgroup alone
 *   own follow STATE                  the same whenever a cgroup is made, without end
 *   own paths STATE [PATH…]           these are left alone; without any: looks them up again
 *   own tokens STATE [fill]           prints how many are in use; fill: all are
 *   own id PATH                       prints the id of a cgroup
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "kernel/own/own_hook.h"
#include "kernel/own/paths.h"
#include "kernel/own/proxies.h"
#include "lib/cgroup2.h"
#include "lib/own_task.h"
#include "tproxy_own.h"

static const char *const kinds[] = { "uid", "gid", "cgroup" };

static struct state state;
static struct own own;

static void die(const char *what, int err)
{
	fprintf(stderr, "own: %s: %s\n", what, strerror(err));
	exit(1);
}

static void open_state(const char *path)
{
	char why[PINDIR_WHY_LEN] = "";
	int err;

	state = STATE_CLOSED;
	err = state_open(&state, path, why);
	if (err)
		die(why[0] ? why : path, -err);
	err = own_open(&state, &own);
	if (err)
		die("own traffic", -err);
}

/* ---- maps --------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t offset;
} fields[] = {
	{ "mark", offsetof(struct tproxy_own, mark) },
	{ "flags", offsetof(struct tproxy_own, flags) },
	{ "relay-mark", offsetof(struct tproxy_own, relay_mark) },
	{ "out4", offsetof(struct tproxy_own, out4) },
	{ "out6", offsetof(struct tproxy_own, out6) },
};

static void change_own(const char *field, __u32 value)
{
	int err;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strcmp(field, fields[i].name))
			memcpy((char *)&own.config + fields[i].offset, &value, sizeof(value));
	err = own_write(&own);
	if (err)
		die("own_config", -err);
}

/* A map inside an outer one. */
static int inner_map(int outer, __u32 slot)
{
	__u32 id;
	int fd;

	if (bpf_map_lookup_elem(outer, &slot, &id))
		return -1;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		die("inner map", errno);
	return fd;
}

static void set_owner(const char *kind, char *id, tproxy_mask mask)
{
	struct tproxy_owner_key key = { .prefixlen = 32 };
	char *bits = strchr(id, '/');
	__be64 wire;

	while (key.kind < TPROXY_OWNER_KIND_MAX && strcmp(kind, kinds[key.kind]))
		key.kind++;
	if (strcmp(id, "any")) {
		key.prefixlen = bits ? 32 + (__u32)atoi(bits + 1) : 96;
		wire = htobe64(strtoull(id, NULL, 0));
		memcpy(key.id, &wire, sizeof(wire));
	}
	for (__u32 slot = 0; slot < 2; slot++) {
		int fd = inner_map(state.map[MAP_OWNERS_GEN], slot);

		if (fd >= 0 && bpf_map_update_elem(fd, &key, &mask, BPF_ANY))
			die("owners", errno);
	}
}

static __u64 cgroup_id(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__u64 id;

	if (fd < 0 || cgroup2_id_of(fd, &id))
		die(path, errno);
	close(fd);
	return id;
}

static void exclude_cgroup(const char *path)
{
	struct own_exclusion x;
	int err = own_exclusion_open(&state, &x);

	if (!err)
		err = own_cgroup_enter(x.excluded, cgroup_id(path));
	own_exclusion_close(&x);
	if (err)
		die("own_excluded", -err);
}

static void add_task(pid_t pid)
{
	struct own_task task;
	int err = own_task_read(pid, &task);

	if (!err)
		err = own_task_enter(own.map[OWN_MAP_TASKS], &task);
	if (err)
		die("own_tasks", -err);
}

static void print_warning(const char *text, void *arg)
{
	printf("%s\n", text);
}

static void exclude_proxies(void)
{
	struct own_proxies_report report = { .warn = print_warning };
	struct own_proxies proxies = { 0 };
	int err = own_exclude_proxies(&state, &proxies, &report);

	for (unsigned int i = 0; i < proxies.services.n; i++)
		printf("%s\n", proxies.services.paths[i]);
	own_proxies_free(&proxies);
	if (err)
		die("proxies", -err);
}

static int forget_task(const struct own_task *task, void *arg)
{
	return own_forget_task(arg, &task->key);
}

static int forget_cgroup(__u64 id, void *arg)
{
	const struct own_exclusion *x = arg;

	return own_cgroup_remove(x->excluded, id);
}

static void forget(void)
{
	struct own_exclusion x;
	int err = own_exclusion_open(&state, &x);

	if (!err)
		err = own_tasks_each(&x, forget_task, &x);
	if (!err)
		err = own_cgroups_each(x.excluded, forget_cgroup, &x);
	own_exclusion_close(&x);
	if (err)
		die("forget", -err);
}

/* As watch does, but only when a cgroup is made. */
static void follow_proxies(void)
{
	struct own_proxies_report report = { .warn = print_warning };
	struct own_proxies proxies = { 0 };

	for (;;) {
		struct pollfd fd = { .events = POLLIN };
		int err = own_exclude_proxies(&state, &proxies, &report);

		if (err)
			die("proxies", -err);
		printf("followed\n");
		fflush(stdout);
		fd.fd = own_proxies_fd(&proxies);
		poll(&fd, 1, -1);
		own_proxies_drain(&proxies);
	}
}

static void exclude_paths(char *const *paths, int n)
{
	struct own_exclusion x;
	struct owner_set set = { 0 };
	int err = own_exclusion_open(&state, &x);

	for (int i = 0; i < n; i++) {
		struct owner_item item = { .name = paths[i] };

		owner_set_append(&set, &item);
	}
	if (!err)
		err = n ? own_paths_set(&state, &x, &set) : own_paths_follow(&state, &x);
	if (err)
		die("paths", -err);
	own_exclusion_close(&x);
	owner_set_free(&set);
}

static void show_tokens(bool fill)
{
	int fd = own.map[OWN_MAP_TOKENS], used = 0;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (__u32 i = 0; i < TPROXY_OWN_TOKENS; i++) {
		struct tproxy_token t;

		if (bpf_map_lookup_elem(fd, &i, &t))
			die("tokens", errno);
		used += t.last_ns != 0;
		if (!fill)
			continue;
		t.last_ns = (__u64)(now.tv_sec + 3600) * 1000000000;
		t.rule = 1000; /* no rule: a token that nobody can use */
		bpf_map_update_elem(fd, &i, &t, BPF_ANY);
	}
	printf("%d\n", used);
}

/* ---- hooks -------------------------------------------------------------- */

static void hooks(const char *cgroup)
{
	int fd = strcmp(cgroup, "off") ? own_cgroup_open(cgroup) : -1;

	for (int i = 0; i < OWN_HOOKS; i++) {
		int err = fd < 0 ? own_hook_off(&state, i) : own_hook_on(&state, &own, i, fd);

		if (err)
			die(own_prog_name(i), -err);
	}
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if (argc < 3)
		die("arguments", EINVAL);
	libbpf_set_print(NULL);
	if (!strcmp(verb, "id")) {
		printf("%llu\n", (unsigned long long)cgroup_id(argv[2]));
		return 0;
	}
	open_state(argv[2]);
	if (!strcmp(verb, "hooks") && argc == 4)
		hooks(argv[3]);
	else if (!strcmp(verb, "set") && argc == 5)
		change_own(argv[3], (__u32)strtoul(argv[4], NULL, 0));
	else if (!strcmp(verb, "owner") && argc == 6)
		set_owner(argv[3], argv[4], strtoull(argv[5], NULL, 0));
	else if (!strcmp(verb, "exclude") && argc == 4)
		exclude_cgroup(argv[3]);
	else if (!strcmp(verb, "proxies") && argc == 3)
		exclude_proxies();
	else if (!strcmp(verb, "forget") && argc == 3)
		forget();
	else if (!strcmp(verb, "follow") && argc == 3)
		follow_proxies();
	else if (!strcmp(verb, "paths"))
		exclude_paths(argv + 3, argc - 3);
	else if (!strcmp(verb, "task") && argc == 4)
		add_task((pid_t)atoi(argv[3]));
	else if (!strcmp(verb, "tokens"))
		show_tokens(argc == 4);
	else
		die("arguments", EINVAL);
	return 0;
}
