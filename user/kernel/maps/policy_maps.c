/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/policy_maps.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "kernel/maps/applied.h"
#include "lib/addrset.h"

/* ---- reading the policy ------------------------------------------------- */

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
		if (tables_rule_is_used(&tables->rules[i]))
			tables->active |= 1ULL << i;
	}
	return 0;
}

int policy_maps_read_tables(const struct state *state, struct tables *tables)
{
	int err = read_rules(state->map[MAP_RULES], tables);

	if (!err)
		err = bulk_read_prefixes(state->map[MAP_DST4], AF_INET, &tables->dst);
	if (!err)
		err = bulk_read_prefixes(state->map[MAP_DST6], AF_INET6, &tables->dst);
	if (!err)
		err = bulk_read_prefixes(state->map[MAP_SRC4], AF_INET, &tables->src);
	if (!err)
		err = bulk_read_prefixes(state->map[MAP_SRC6], AF_INET6, &tables->src);
	if (!err)
		err = read_port_map(state->map[MAP_PORTS], &tables->ports);
	if (!err && state->map[MAP_OWNERS] >= 0)
		err = bulk_read_prefixes(state->map[MAP_OWNERS], OWNER_FAMILY, &tables->owners);
	tables_sort(tables);
	return err;
}

/* Rules without such a record are not limited to interfaces. */
static int read_scopes(const struct state *state, struct policy *policy)
{
	struct applied applied __cleanup_applied = { 0 };
	int err = applied_read_scopes(state, &applied);

	if (err)
		return err == -ENOENT ? 0 : err;
	return applied_give_scopes(&applied, policy);
}

static int to_policy(const struct state *state, const struct tables *tables,
		     struct policy *ret_policy)
{
	struct policy policy __cleanup_policy = { 0 };
	int err = tables_to_policy(tables, &policy);

	if (!err)
		err = read_scopes(state, &policy);
	if (err)
		return err;
	policy.unreadable = settings_live(state).unreadable;
	*ret_policy = policy;
	policy = (struct policy){ 0 };
	return 0;
}

int policy_maps_read(const struct state *state, struct policy *ret_policy)
{
	struct tables tables __cleanup_tables = { 0 };
	int err = policy_maps_read_tables(state, &tables);

	return err ? err : to_policy(state, &tables, ret_policy);
}

int policy_maps_read_rules(const struct state *state, struct policy *ret_policy)
{
	struct tables tables = { 0 };
	int err = read_rules(state->map[MAP_RULES], &tables);

	return err ? err : to_policy(state, &tables, ret_policy);
}

int policy_maps_rules_on(const struct state *state, const char *ifname, tproxy_mask unlimited,
			 tproxy_mask *ret_mask)
{
	struct policy rules __cleanup_policy = { 0 };
	int err = policy_maps_read_rules(state, &rules);

	if (err)
		return err;
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		tproxy_mask bit = 1ULL << i;

		if (rules.rules[i].local == TPROXY_LOCAL_ONLY)
			unlimited &= ~bit;
		if (!rules.rules[i].interfaces.n)
			continue;
		unlimited &= ~bit;
		if (rule_is_on(&rules.rules[i], ifname))
			unlimited |= bit;
	}
	*ret_mask = unlimited;
	return 0;
}

int policy_maps_local_rules(const struct state *state, tproxy_mask *ret_mask)
{
	struct policy rules __cleanup_policy = { 0 };
	int err = policy_maps_read_rules(state, &rules);

	if (!err)
		*ret_mask = policy_local_rules(&rules);
	return err;
}

/* ---- one entry ---------------------------------------------------------- */

int policy_maps_update(const struct state *state, enum state_map map, const void *key,
		       const void *value)
{
	return bulk_update_one(state->map[map], key, value);
}

/* ---- interfaces --------------------------------------------------------- */

static int by_ifindex(const void *a, const void *b)
{
	const struct iface_entry *x = a, *y = b;

	return x->ifindex < y->ifindex ? -1 : x->ifindex > y->ifindex;
}

int policy_maps_ifaces(const struct state *state, struct iface_entry **ret_ifaces, size_t *ret_n)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	int fd = state->map[MAP_IFACES];
	__u32 key, *prev = NULL;
	size_t n = 0;

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		struct iface_entry *more = reallocarray(ifaces, n + 1, sizeof(*ifaces));

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

int policy_maps_iface_get(const struct state *state, __u32 ifindex, struct tproxy_iface *ret_value)
{
	return bpf_map_lookup_elem(state->map[MAP_IFACES], &ifindex, ret_value) ? -errno : 0;
}

int policy_maps_iface_set(const struct state *state, __u32 ifindex,
			  const struct tproxy_iface *value)
{
	return policy_maps_update(state, MAP_IFACES, &ifindex, value);
}

int policy_maps_iface_del(const struct state *state, __u32 ifindex)
{
	if (bpf_map_delete_elem(state->map[MAP_IFACES], &ifindex) && errno != ENOENT)
		return -errno;
	return 0;
}

/* ---- local addresses ---------------------------------------------------- */

/* Deletes what only the map has. It collects the keys before it deletes any. */
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

int policy_maps_refresh_local(const struct state *state, struct nl *nl)
{
	int fd = state->map[MAP_LOCAL];
	struct addrset set = { 0 };
	__u8 one = 1;
	int err = addrset_read_with_broadcast(&set, nl);

	for (size_t i = 0; i < set.n && !err; i++)
		if (bpf_map_update_elem(fd, &set.items[i], &one, BPF_ANY))
			err = -errno;
	if (!err)
		err = drop_stale(fd, &set);
	addrset_free(&set);
	return err;
}

/* ---- counters ----------------------------------------------------------- */

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

int policy_maps_counters(const struct state *state, __u64 *ret_counters)
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

int policy_maps_rulestat(const struct state *state, __u32 rule, struct tproxy_rulestat *ret_stat)
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

int policy_maps_set_rulestat(const struct state *state, __u32 rule,
			     const struct tproxy_rulestat *stat)
{
	int cpus;
	__cleanup_free struct tproxy_rulestat *values =
		per_cpu(state->map[MAP_RULESTATS], rule, sizeof(*values), &cpus);

	if (!values)
		return -errno;
	memset(values, 0, (size_t)cpus * sizeof(*values));
	if (stat)
		values[0] = *stat; /* only the sum is ever read */
	return bpf_map_update_elem(state->map[MAP_RULESTATS], &rule, values, BPF_ANY) ? -errno : 0;
}

__u64 policy_maps_slot_cookie(const struct state *state, __u32 slot)
{
	__u64 cookie = 0;

	return bpf_map_lookup_elem(state->map[MAP_SOCKS], &slot, &cookie) ? 0 : cookie;
}
