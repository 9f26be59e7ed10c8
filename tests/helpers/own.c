/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaches the programs for a host's own traffic to lo and to a cgroup, on the maps of a state that
 * tproxy-loader has made, and writes their maps: for tests of the data path alone. Routes and rules
 * are the script's (tests/lib/own.sh).
 *
 *   own attach STATE CGROUP           loads, pins in STATE-own, attaches: tc first, hooks last
 *   own hooks STATE off|on            detaches or attaches the hooks of connect and sendmsg
 *   own detach STATE                  hooks first
 *   own set STATE mark|flags|relay-mark|out4|out6 VALUE
 *   own rules STATE MASK              the rules for own traffic
 *   own owner STATE uid|gid|cgroup any|ID[/BITS] MASK
 *   own exclude|include STATE PATH    a cgroup
 *   own task STATE PID                a process that is a proxy
 *   own proxies STATE                 the processes of the rules' listeners; prints services
 *   own paths STATE [PATH…]           these are left alone; without any: looks them up again
 *   own tokens STATE [fill]           prints how many are in use; fill: all are
 *   own id PATH                       prints the id of a cgroup
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel/own/paths.h"
#include "kernel/own/proxies.h"
#include "kernel/state/state.h"
#include "lib/own_task.h"
#include "own.skel.h"
#include "tproxy_own.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#define TC_HANDLE 0x7403

static const char *const own_maps[] = { "own_config", "own_excluded", "own_sock",    "tokens",
					"owners_gen", "own_tasks",    "own_included" };
static const struct {
	const char *name;
	enum bpf_attach_type type;
} hooks[] = {
	{ "own_connect4", BPF_CGROUP_INET4_CONNECT }, { "own_connect6", BPF_CGROUP_INET6_CONNECT },
	{ "own_sendmsg4", BPF_CGROUP_UDP4_SENDMSG },  { "own_sendmsg6", BPF_CGROUP_UDP6_SENDMSG },
	{ "own_egress", BPF_CGROUP_INET_EGRESS },
};
static const char *const kinds[] = { "uid", "gid", "cgroup" };

static struct state state;
static char dir[256]; /* of the pins of this program */

static void die(const char *what, int err)
{
	fprintf(stderr, "own: %s: %s\n", what, strerror(err));
	exit(1);
}

static char *pin_path(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* Where the loader pins it. */
static char *state_path(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%.*s/internal/%s", (int)(strlen(dir) - strlen("-own")), dir,
		 name);
	return path;
}

static char *loader_link(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%.*s/links/%s", (int)(strlen(dir) - strlen("-own")), dir,
		 name);
	return path;
}

static int pinned(const char *name)
{
	int fd = bpf_obj_get(pin_path(name));

	if (fd < 0)
		die(name, errno);
	return fd;
}

static void open_state(const char *path)
{
	char why[PINDIR_WHY_LEN] = "";
	int err;

	state = STATE_CLOSED;
	err = state_open(&state, path, why);
	if (err)
		die(why[0] ? why : path, -err);
	snprintf(dir, sizeof(dir), "%s-own", path);
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
	int fd = pinned("own_config");
	struct tproxy_own own;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(fd, &zero, &own))
		die("own_config", errno);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strcmp(field, fields[i].name))
			memcpy((char *)&own + fields[i].offset, &value, sizeof(value));
	if (bpf_map_update_elem(fd, &zero, &own, BPF_ANY))
		die("own_config", errno);
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

static void set_rules(tproxy_mask mask)
{
	struct tproxy_iface lo = { .mask = mask, .roles = TPROXY_ROLE_LOCAL, .name = "lo" };
	__u32 ifindex = 1;
	int fd = inner_map(state.map[MAP_IFACES_GEN], state.config.generation & 1);

	if (fd < 0 || bpf_map_update_elem(fd, &ifindex, &lo, BPF_ANY))
		die("ifaces", errno);
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
		int fd = inner_map(pinned("owners_gen"), slot);

		if (fd >= 0 && bpf_map_update_elem(fd, &key, &mask, BPF_ANY))
			die("owners", errno);
	}
}

static __u64 cgroup_id(const char *path)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + 8];
	} h = { .handle = { .handle_bytes = 8 } };
	__u64 id;
	int mount;

	if (name_to_handle_at(AT_FDCWD, path, &h.handle, &mount, 0))
		die(path, errno);
	memcpy(&id, h.handle.f_handle, sizeof(id));
	return id;
}

static void add_cgroup(const char *map, const char *path)
{
	__u64 id = cgroup_id(path);
	__u8 one = 1;

	if (bpf_map_update_elem(pinned(map), &id, &one, BPF_ANY))
		die(map, errno);
}

static void add_task(pid_t pid)
{
	struct own_task task;
	int err = own_task_read(pid, &task);

	if (!err)
		err = own_task_enter(pinned("own_tasks"), &task);
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

	for (unsigned int i = 0; i < proxies.n_services; i++)
		printf("%s\n", proxies.services[i]);
	own_proxies_free(&proxies);
	if (err)
		die("proxies", -err);
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
	int fd = pinned("tokens"), used = 0;
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

/* ---- programs ----------------------------------------------------------- */

static void reuse_maps(struct own_bpf *skel)
{
	for (int i = 0; i < MAP_MAX; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, state_map_name(i));
		int err = map && state.map[i] >= 0 ? bpf_map__reuse_fd(map, state.map[i]) : 0;

		if (err)
			die(state_map_name(i), -err);
	}
}

static struct own_bpf *load(void)
{
	struct own_bpf *skel = own_bpf__open();
	int err;

	if (!skel)
		die("open", errno);
	reuse_maps(skel);
	skel->rodata->token_seed = (__u32)time(NULL);
	err = own_bpf__load(skel);
	if (err)
		die("load", -err);
	return skel;
}

static void pin_all(struct own_bpf *skel)
{
	struct bpf_program *prog;

	mkdir(dir, 0700);
	for (size_t i = 0; i < sizeof(own_maps) / sizeof(own_maps[0]); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, own_maps[i]);

		if (bpf_obj_pin(bpf_map__fd(map), pin_path(own_maps[i])))
			die(own_maps[i], errno);
		if (strcmp(own_maps[i], "owners_gen") &&
		    bpf_obj_pin(bpf_map__fd(map), state_path(own_maps[i])))
			die(own_maps[i], errno);
	}
	bpf_object__for_each_program(prog, skel->obj)
	{
		char name[64];

		snprintf(name, sizeof(name), "prog_%s", bpf_program__name(prog));
		if (bpf_obj_pin(bpf_program__fd(prog), pin_path(name)))
			die(name, errno);
	}
}

static void fill_own(void)
{
	struct tproxy_own own = {
		.mark = TPROXY_OWN_DEFAULT_MARK,
		.table = state.config.table + 1,
		.token6 = { 0xfd, 0x74, 0x70, 0x72, 0x6f, 0x78, 0x79 },
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(own.netns);
	__u32 zero = 0, both = 1;
	int outer = pinned("owners_gen"), first;

	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &own.netns, &len))
		die("SO_NETNS_COOKIE", errno);
	close(fd);
	if (bpf_map_update_elem(pinned("own_config"), &zero, &own, BPF_ANY))
		die("own_config", errno);
	first = inner_map(outer, 0);
	if (inner_map(outer, 1) < 0 && bpf_map_update_elem(outer, &both, &first, BPF_ANY))
		die("owners_gen", errno);
	for (__u32 kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
		set_owner(kinds[kind], (char[]){ "any" }, ~0ULL);
	set_rules(~0ULL);
}

static void attach_lo(int prog)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = 1, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = 1, .prog_fd = prog);
	int err = bpf_tc_hook_create(&hook);

	if (err && err != -EEXIST)
		die("clsact", -err);
	err = bpf_tc_attach(&hook, &opts);
	if (err)
		die("tc", -err);
}

static void attach_hooks(const char *cgroup)
{
	int fd = open(cgroup, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		die(cgroup, errno);
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		char name[64];
		int link;

		snprintf(name, sizeof(name), "prog_%s", hooks[i].name);
		link = bpf_link_create(pinned(name), fd, hooks[i].type, NULL);
		snprintf(name, sizeof(name), "link_%s", hooks[i].name);
		if (link < 0 || bpf_obj_pin(link, pin_path(name)))
			die(name, errno);
		if (bpf_obj_pin(link, loader_link(hooks[i].name)))
			die(hooks[i].name, errno);
		close(link);
	}
	close(fd);
}

static void detach_hooks(bool with_programs)
{
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		char name[64];
		int link;

		snprintf(name, sizeof(name), "link_%s", hooks[i].name);
		link = bpf_obj_get(pin_path(name));
		if (link >= 0)
			bpf_link_detach(link);
		unlink(pin_path(name));
		unlink(loader_link(hooks[i].name));
		snprintf(name, sizeof(name), "prog_%s", hooks[i].name);
		if (with_programs)
			unlink(pin_path(name));
	}
}

static void detach(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = 1, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = 1);
	__u32 lo = 1;
	int fd = inner_map(state.map[MAP_IFACES_GEN], state.config.generation & 1);

	detach_hooks(true);
	bpf_tc_detach(&hook, &opts);
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_destroy(&hook);
	bpf_map_delete_elem(fd, &lo);
	for (size_t i = 0; i < sizeof(own_maps) / sizeof(own_maps[0]); i++) {
		unlink(pin_path(own_maps[i]));
		if (strcmp(own_maps[i], "owners_gen"))
			unlink(state_path(own_maps[i]));
	}
	unlink(pin_path("prog_own_lo"));
	rmdir(dir);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";
	struct own_bpf *skel;

	if (argc < 3)
		die("arguments", EINVAL);
	libbpf_set_print(NULL);
	if (!strcmp(verb, "id")) {
		printf("%llu\n", (unsigned long long)cgroup_id(argv[2]));
		return 0;
	}
	open_state(argv[2]);
	if (!strcmp(verb, "attach") && argc == 4) {
		skel = load();
		pin_all(skel);
		fill_own();
		attach_lo(bpf_program__fd(skel->progs.own_lo));
		attach_hooks(argv[3]);
	} else if (!strcmp(verb, "hooks") && argc == 4) {
		if (!strcmp(argv[3], "off"))
			detach_hooks(false);
		else
			attach_hooks(argv[3]);
	} else if (!strcmp(verb, "detach")) {
		detach();
	} else if (!strcmp(verb, "set") && argc == 5) {
		change_own(argv[3], (__u32)strtoul(argv[4], NULL, 0));
	} else if (!strcmp(verb, "rules") && argc == 4) {
		set_rules(strtoull(argv[3], NULL, 0));
	} else if (!strcmp(verb, "owner") && argc == 6) {
		set_owner(argv[3], argv[4], strtoull(argv[5], NULL, 0));
	} else if (!strcmp(verb, "exclude") && argc == 4) {
		add_cgroup("own_excluded", argv[3]);
	} else if (!strcmp(verb, "include") && argc == 4) {
		add_cgroup("own_included", argv[3]);
	} else if (!strcmp(verb, "proxies") && argc == 3) {
		exclude_proxies();
	} else if (!strcmp(verb, "paths")) {
		exclude_paths(argv + 3, argc - 3);
	} else if (!strcmp(verb, "task") && argc == 4) {
		add_task((pid_t)atoi(argv[3]));
	} else if (!strcmp(verb, "tokens")) {
		show_tokens(argc == 4);
	} else {
		die("arguments", EINVAL);
	}
	return 0;
}
