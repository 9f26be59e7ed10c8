/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/live.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "lib/addrset.h"

/* ---- reading the policy --------------------------------------------------- */

static int read_lpm4(int fd, struct prefix_table *table)
{
	struct tproxy_lpm4 key, *prev = NULL;
	tproxy_mask mask;

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		struct prefix prefix = { .family = AF_INET, .len = (__u8)key.prefixlen };
		int err;

		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, &mask))
			continue; /* deleted since */
		memcpy(prefix.addr, key.addr, sizeof(key.addr));
		err = prefix_table_append(table, &prefix, mask);
		if (err)
			return err;
	}
	return errno == ENOENT ? 0 : -errno;
}

static int read_lpm6(int fd, struct prefix_table *table)
{
	struct tproxy_lpm6 key, *prev = NULL;
	tproxy_mask mask;

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		struct prefix prefix = { .family = AF_INET6, .len = (__u8)key.prefixlen };
		int err;

		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, &mask))
			continue;
		memcpy(prefix.addr, key.addr, sizeof(key.addr));
		err = prefix_table_append(table, &prefix, mask);
		if (err)
			return err;
	}
	return errno == ENOENT ? 0 : -errno;
}

static int read_port_map(int fd, struct port_table *table)
{
	struct tproxy_port key, *prev = NULL;
	tproxy_mask mask;

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		int err;

		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, &mask))
			continue;
		err = port_table_append(table, key.proto, ntohs(key.port), mask);
		if (err)
			return err;
	}
	return errno == ENOENT ? 0 : -errno;
}

static int read_rules(int fd, struct tables *tables)
{
	for (__u32 i = 0; i < TPROXY_MAX_RULES; i++) {
		if (bpf_map_lookup_elem(fd, &i, &tables->rules[i]))
			return -errno;
		if (tables->rules[i].action != TPROXY_ACTION_NONE)
			tables->active |= 1ULL << i;
	}
	return 0;
}

static int read_tables(const struct state *state, struct tables *tables)
{
	int err = read_rules(state->map[MAP_RULES], tables);

	if (!err)
		err = read_lpm4(state->map[MAP_DST4], &tables->dst);
	if (!err)
		err = read_lpm6(state->map[MAP_DST6], &tables->dst);
	if (!err)
		err = read_lpm4(state->map[MAP_SRC4], &tables->src);
	if (!err)
		err = read_lpm6(state->map[MAP_SRC6], &tables->src);
	if (!err)
		err = read_port_map(state->map[MAP_PORTS], &tables->ports);
	tables_sort(tables);
	return err;
}

int live_read_policy(const struct state *state, struct policy *ret_policy)
{
	struct tables tables __cleanup_tables = { 0 };
	int err = read_tables(state, &tables);

	return err ? err : tables_to_policy(&tables, ret_policy);
}

/* ---- editing it ----------------------------------------------------------- */

static const enum state_map table_maps[TABLES_MAP_MAX] = {
	[TABLES_DST4] = MAP_DST4,   [TABLES_DST6] = MAP_DST6,	[TABLES_SRC4] = MAP_SRC4,
	[TABLES_SRC6] = MAP_SRC6,   [TABLES_PORTS] = MAP_PORTS, [TABLES_RULES] = MAP_RULES,
};

#define LPM_RETRIES 100

/* An LPM_TRIE may refuse an update with ENOMEM under memory pressure of the moment: try again. */
static int update(int fd, const void *key, const void *value)
{
	for (int i = 0;; i++) {
		if (!bpf_map_update_elem(fd, key, value, BPF_ANY))
			return 0;
		if (errno != ENOMEM || i == LPM_RETRIES)
			return -errno;
		usleep(1000);
	}
}

static int make_edit(const struct tables_edit *edit, void *arg)
{
	const struct state *state = arg;
	int fd = state->map[table_maps[edit->map]];

	if (!edit->remove)
		return update(fd, &edit->key, &edit->value);
	if (bpf_map_delete_elem(fd, &edit->key) && errno != ENOENT)
		return -errno;
	return 0;
}

/* Sets or clears rule bits on every interface with the policy role. */
static int change_ifaces(const struct state *state, tproxy_mask set, tproxy_mask clear,
			 int (*cb)(const struct state *state, const struct live_iface *iface,
				   void *arg),
			 void *arg)
{
	__cleanup_free struct live_iface *ifaces = NULL;
	size_t n = 0;
	int err = live_ifaces(state, &ifaces, &n);

	for (size_t i = 0; i < n && !err; i++) {
		tproxy_mask mask = (ifaces[i].value.mask | set) & ~clear;

		if (!(ifaces[i].value.roles & TPROXY_ROLE_POLICY) || mask == ifaces[i].value.mask)
			continue;
		ifaces[i].value.mask = mask;
		err = cb(state, &ifaces[i], arg);
	}
	return err;
}

struct change {
	struct tables actual, before, after, target; /* owned */
};

static void change_free(struct change *change)
{
	tables_free(&change->actual);
	tables_free(&change->before);
	tables_free(&change->after);
	tables_free(&change->target);
}
#define __cleanup_change __attribute__((cleanup(change_free)))

static int plan_change(const struct state *state, const struct policy *from,
		       const struct policy *to, struct change *change)
{
	int err = read_tables(state, &change->actual);

	if (!err)
		err = tables_compile(from, &change->before);
	if (!err)
		err = tables_compile(to, &change->after);
	if (!err)
		err = tables_rebase(&change->actual, &change->before, &change->after,
				    &change->target);
	return err;
}

/*
 * One plan for making and for printing: rules that go leave the interfaces first,
 * rules that come are put on them last, so that each appears and vanishes whole.
 */
static int walk_change(const struct state *state, const struct policy *from,
		       const struct policy *to,
		       int (*on_iface)(const struct state *, const struct live_iface *, void *),
		       int (*on_edit)(const struct tables_edit *, void *), void *arg)
{
	struct change change __cleanup_change = { 0 };
	int err = plan_change(state, from, to, &change);
	tproxy_mask gone, new;

	if (err)
		return err;
	gone = change.before.active & ~change.after.active;
	new = change.after.active & ~change.before.active;
	err = change_ifaces(state, 0, gone, on_iface, arg);
	if (!err)
		err = tables_diff(&change.actual, &change.target, on_edit, arg);
	if (!err)
		err = change_ifaces(state, new, 0, on_iface, arg);
	return err;
}

static int stop_at_first(const struct tables_edit *edit, void *arg)
{
	return 1;
}

int live_policy_differs(const struct policy *from, const struct policy *to)
{
	struct tables before __cleanup_tables = { 0 };
	struct tables after __cleanup_tables = { 0 };
	int err = tables_compile(from, &before);

	if (!err)
		err = tables_compile(to, &after);
	return err ? err : tables_diff(&before, &after, stop_at_first, NULL);
}

static int make_iface(const struct state *state, const struct live_iface *iface, void *arg)
{
	return live_iface_set(state, iface->ifindex, &iface->value);
}

int live_change_policy(const struct state *state, const struct policy *from,
		       const struct policy *to)
{
	return walk_change(state, from, to, make_iface, make_edit, (void *)state);
}

struct printer {
	const struct state *state;
	FILE *out;
};

static void print_bytes(FILE *out, const char *word, const void *bytes, size_t size)
{
	fprintf(out, " %s", word);
	for (size_t i = 0; i < size; i++)
		fprintf(out, " %u", ((const __u8 *)bytes)[i]);
}

static void print_command(const struct printer *p, const char *verb, enum state_map map)
{
	fprintf(p->out, "bpftool map %s pinned %s/%s", verb, p->state->dir, state_map_name(map));
}

static int print_edit(const struct tables_edit *edit, void *arg)
{
	const struct printer *p = arg;

	print_command(p, edit->remove ? "delete" : "update", table_maps[edit->map]);
	print_bytes(p->out, "key", &edit->key, edit->key_size);
	if (!edit->remove)
		print_bytes(p->out, "value", &edit->value, edit->value_size);
	fputc('\n', p->out);
	return 0;
}

static int print_iface(const struct state *state, const struct live_iface *iface, void *arg)
{
	const struct printer *p = arg;

	print_command(p, "update", MAP_IFACES);
	print_bytes(p->out, "key", &iface->ifindex, sizeof(iface->ifindex));
	print_bytes(p->out, "value", &iface->value, sizeof(iface->value));
	fputc('\n', p->out);
	return 0;
}

int live_print_bpftool(const struct state *state, const struct policy *from,
		       const struct policy *to, FILE *out)
{
	struct printer printer = { .state = state, .out = out };

	return walk_change(state, from, to, print_iface, print_edit, &printer);
}

/* ---- interfaces ----------------------------------------------------------- */

static int by_ifindex(const void *a, const void *b)
{
	const struct live_iface *x = a, *y = b;

	return x->ifindex < y->ifindex ? -1 : x->ifindex > y->ifindex;
}

int live_ifaces(const struct state *state, struct live_iface **ret_ifaces, size_t *ret_n)
{
	__cleanup_free struct live_iface *ifaces = NULL;
	int fd = state->map[MAP_IFACES];
	__u32 key, *prev = NULL;
	size_t n = 0;

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		struct live_iface *more = reallocarray(ifaces, n + 1, sizeof(*ifaces));

		if (!more)
			return -ENOMEM;
		ifaces = more;
		prev = &key;
		ifaces[n].ifindex = key;
		if (!bpf_map_lookup_elem(fd, &key, &ifaces[n].value))
			n++;
	}
	if (errno != ENOENT)
		return -errno;
	if (n)
		qsort(ifaces, n, sizeof(*ifaces), by_ifindex);
	*ret_ifaces = take_ptr(ifaces);
	*ret_n = n;
	return 0;
}

int live_iface_get(const struct state *state, __u32 ifindex, struct tproxy_iface *ret_value)
{
	return bpf_map_lookup_elem(state->map[MAP_IFACES], &ifindex, ret_value) ? -errno : 0;
}

int live_iface_set(const struct state *state, __u32 ifindex, const struct tproxy_iface *value)
{
	return update(state->map[MAP_IFACES], &ifindex, value);
}

int live_iface_del(const struct state *state, __u32 ifindex)
{
	if (bpf_map_delete_elem(state->map[MAP_IFACES], &ifindex) && errno != ENOENT)
		return -errno;
	return 0;
}

/* ---- local addresses ------------------------------------------------------ */

/* Deletes what the map has and the set has not. Keys are gathered before any deletion. */
static int drop_stale(int fd, const struct addrset *keep)
{
	struct addrset stale = { 0 };
	struct addrset_key key, *prev = NULL;
	int err = 0;

	while (!err && !bpf_map_get_next_key(fd, prev, &key)) {
		prev = &key;
		if (!addrset_has(keep, &key))
			err = addrset_append(&stale, &key);
	}
	for (size_t i = 0; i < stale.n && !err; i++)
		if (bpf_map_delete_elem(fd, &stale.items[i]) && errno != ENOENT)
			err = -errno;
	addrset_free(&stale);
	return err;
}

int live_refresh_local(const struct state *state, struct nl *nl)
{
	int fd = state->map[MAP_LOCAL];
	struct addrset set = { 0 };
	__u8 one = 1;
	int err = addrset_read(&set, nl);

	for (size_t i = 0; i < set.n && !err; i++)
		if (bpf_map_update_elem(fd, &set.items[i], &one, BPF_ANY))
			err = -errno;
	if (!err)
		err = drop_stale(fd, &set);
	addrset_free(&set);
	return err;
}

/* ---- counters ------------------------------------------------------------- */

/* Per-CPU values of one element; the caller frees. NULL with errno on failure. */
static void *per_cpu(int fd, __u32 key, size_t value_size, int *ret_cpus)
{
	int cpus = libbpf_num_possible_cpus();
	void *values;

	if (cpus < 0) {
		errno = -cpus;
		return NULL;
	}
	values = calloc((size_t)cpus, value_size);
	if (values && bpf_map_lookup_elem(fd, &key, values)) {
		free(values);
		return NULL;
	}
	*ret_cpus = cpus;
	return values;
}

int live_counters(const struct state *state, __u64 *ret_counters)
{
	for (__u32 i = 0; i < TPROXY_COUNT_MAX; i++) {
		int cpus;
		__cleanup_free __u64 *values =
			per_cpu(state->map[MAP_COUNTERS], i, sizeof(*values), &cpus);

		if (!values)
			return -errno;
		ret_counters[i] = 0;
		for (int cpu = 0; cpu < cpus; cpu++)
			ret_counters[i] += values[cpu];
	}
	return 0;
}

int live_rulestat(const struct state *state, __u32 rule, struct tproxy_rulestat *ret_stat)
{
	struct tproxy_rulestat sum = { 0 };
	int cpus;
	__cleanup_free struct tproxy_rulestat *values =
		per_cpu(state->map[MAP_RULESTATS], rule, sizeof(*values), &cpus);

	if (!values)
		return -errno;
	for (int cpu = 0; cpu < cpus; cpu++) {
		sum.flows += values[cpu].flows;
		sum.packets += values[cpu].packets;
		sum.bytes += values[cpu].bytes;
	}
	*ret_stat = sum;
	return 0;
}

int live_set_rulestat(const struct state *state, __u32 rule, const struct tproxy_rulestat *stat)
{
	int cpus;
	__cleanup_free struct tproxy_rulestat *values =
		per_cpu(state->map[MAP_RULESTATS], rule, sizeof(*values), &cpus);

	if (!values)
		return -errno;
	memset(values, 0, (size_t)cpus * sizeof(*values));
	if (stat)
		values[0] = *stat; /* sums are all that is ever read */
	return bpf_map_update_elem(state->map[MAP_RULESTATS], &rule, values, BPF_ANY) ? -errno : 0;
}

__u64 live_slot_cookie(const struct state *state, __u32 slot)
{
	__u64 cookie = 0;

	return bpf_map_lookup_elem(state->map[MAP_SOCKS], &slot, &cookie) ? 0 : cookie;
}
