/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs are tested in: a network namespace of their own, the loaded object (nothing
 * is pinned or attached), and a policy in its maps.
 */
#ifndef WORLD_H
#define WORLD_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/util.h"
#include "namespace.h"
#include "packet.h"
#include "policy/policy.h"
#include "policy/tables.h"
#include "sockets.h"
#include "tproxy.skel.h"

#define MARK TPROXY_DEFAULT_MARK
#define MASK 0x3000000u /* one bit more than the mark: it must be cleared as well */

struct world {
	struct tproxy_bpf *skel;
	int ingress, lookup; /* program descriptors */
	__u32 in, out;       /* interfaces */
	int cpus;
};

/* ---- maps --------------------------------------------------------------- */

static inline void put(int fd, const void *key, const void *value, const char *what)
{
	must(bpf_map_update_elem(fd, key, value, BPF_ANY), what);
}

static inline void set_config(const struct world *w, __u32 mark, __u32 mask, __u32 generation)
{
	struct tproxy_config config = { .abi = TPROXY_ABI, .generation = generation };
	__u32 zero = 0;

	config.mark = mark;
	config.mask = mask;
	put(bpf_map__fd(w->skel->maps.config), &zero, &config, "config");
}

static inline void read_config(const struct world *w, struct tproxy_config *ret_config)
{
	__u32 zero = 0;

	must(bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.config), &zero, ret_config), "config");
}

static inline void write_config(const struct world *w, const struct tproxy_config *config)
{
	__u32 zero = 0;

	put(bpf_map__fd(w->skel->maps.config), &zero, config, "config");
}

static inline void set_iface(int ifaces, __u32 ifindex, tproxy_mask mask)
{
	struct tproxy_iface iface = { .mask = mask, .roles = TPROXY_ROLE_POLICY };

	put(ifaces, &ifindex, &iface, "ifaces");
}

/* Makes an address one of "this host's". */
static inline void set_local(const struct world *w, const char *address)
{
	struct tproxy_local_key key = { .addr = { [10] = 0xff, [11] = 0xff } };
	struct prefix p = prefix_of(address);
	__u8 one = 1;

	if (p.family == AF_INET)
		memcpy(key.addr + 12, p.addr, 4);
	else
		memcpy(key.addr, p.addr, 16);
	put(bpf_map__fd(w->skel->maps.local), &key, &one, "local");
}

struct policy_maps {
	int fd[TABLES_MAP_MAX];
};

static inline struct policy_maps policy_maps_maps(const struct world *w)
{
	return (struct policy_maps){ {
		[TABLES_DST4] = bpf_map__fd(w->skel->maps.dst4),
		[TABLES_DST6] = bpf_map__fd(w->skel->maps.dst6),
		[TABLES_SRC4] = bpf_map__fd(w->skel->maps.src4),
		[TABLES_SRC6] = bpf_map__fd(w->skel->maps.src6),
		[TABLES_PORTS] = bpf_map__fd(w->skel->maps.ports),
		[TABLES_OWNERS] = bpf_map__fd(w->skel->maps.owners),
		[TABLES_RULES] = bpf_map__fd(w->skel->maps.rules),
	} };
}

static inline int put_edit(const struct tables_edit *edit, void *arg)
{
	const struct policy_maps *maps = arg;

	put(maps->fd[edit->map], &edit->key, &edit->value, tables_map_names[edit->map]);
	return 0;
}

/* One rule as in a table of rules; services: "tcp/80", up to three. */
struct rule_spec {
	int number;
	const char *to, *from;
	const char *services[3];
	enum tproxy_action action;
	enum tproxy_on_down on_down;
	const char *proxy; /* NULL: registered sockets */
};

static inline void make_rule(const struct rule_spec *spec, struct rule *rule)
{
	const char *why = "";
	int err;

	rule->used = true;
	rule->action = spec->action;
	rule->on_down = spec->on_down;
	snprintf(rule->name, sizeof(rule->name), "r%d", spec->number);
	err = policy_parse_prefixes(spec->to, &rule->to, &why);
	if (!err)
		err = policy_parse_prefixes(spec->from ? spec->from : "all", &rule->from, &why);
	if (!err && spec->proxy)
		err = policy_parse_proxy(spec->proxy, &rule->proxy, &why);
	for (size_t i = 0; i < ARRAY_SIZE(spec->services) && spec->services[i] && !err; i++) {
		struct service s;

		err = policy_parse_service(spec->services[i], &s, &why);
		if (!err)
			err = service_set_add(&rule->services, s.proto, s.range);
	}
	if (err)
		tap_bail("rule %d: %s", spec->number, why);
}

static inline void fill_policy(struct policy_maps maps, const struct rule_spec *specs, size_t n)
{
	struct policy policy __cleanup_policy = { 0 };
	struct tables none __cleanup_tables = { 0 };
	struct tables tables __cleanup_tables = { 0 };

	for (size_t i = 0; i < n; i++)
		make_rule(&specs[i], &policy.rules[specs[i].number]);
	must(tables_compile(&policy, &tables), "compile");
	must(tables_diff(&none, &tables, put_edit, &maps), "fill");
}

/* Moves a rule to another socket group. */
static inline void set_group(int rules, __u32 number, __u32 group)
{
	struct tproxy_rule rule;

	must(bpf_map_lookup_elem(rules, &number, &rule), "rules");
	rule.group = group;
	put(rules, &number, &rule, "rules");
}

/* Fills every way of a class with one socket. */
static inline void register_socket(const struct world *w, __u32 group, enum tproxy_class cls,
				   int fd)
{
	__u64 value = (__u64)fd;

	for (__u32 way = 0; way < TPROXY_GROUP_WAYS; way++) {
		__u32 slot = TPROXY_SLOT(group, cls, way);

		put(bpf_map__fd(w->skel->maps.socks), &slot, &value, "socks");
	}
}

/* The relay: a listener of each class in every way of a group. */
static inline void start_relay(const struct world *w, __u32 group, __u16 port)
{
	register_socket(w, group, TPROXY_TCP4, listen_on("127.0.0.1", port));
	register_socket(w, group, TPROXY_TCP6, listen_on("::1", port));
	register_socket(w, group, TPROXY_UDP4, bound_socket(SOCK_DGRAM, "127.0.0.1", port));
	register_socket(w, group, TPROXY_UDP6, bound_socket(SOCK_DGRAM, "::1", port));
}

/* ---- everything together ------------------------------------------------ */

/* prepare: changes the maps' definitions before they are made, or NULL. */
static inline void world_open_prepared(struct world *w, void (*prepare)(struct tproxy_bpf *skel))
{
	if (geteuid() != 0)
		tap_skip_all("needs root");
	libbpf_set_print(NULL);
	enter_namespace();
	w->skel = tproxy_bpf__open();
	if (w->skel && prepare)
		prepare(w->skel);
	if (!w->skel || tproxy_bpf__load(w->skel))
		tap_bail("the BPF object does not load: %s", strerror(errno));
	w->ingress = bpf_program__fd(w->skel->progs.tproxy_ingress);
	w->lookup = bpf_program__fd(w->skel->progs.tproxy_lookup);
	w->in = if_nametoindex("in0");
	w->out = if_nametoindex("out0");
	w->cpus = libbpf_num_possible_cpus();
	set_config(w, MARK, MASK, 0);
	set_iface(bpf_map__fd(w->skel->maps.ifaces), w->in, ~0ULL);
}

static inline void world_open(struct world *w)
{
	world_open_prepared(w, NULL);
}

static inline void world_close(struct world *w)
{
	tproxy_bpf__destroy(w->skel);
}

#endif
