/* SPDX-License-Identifier: BSD-2-Clause */
/* Leads the maps from one policy to another: in place, as printed commands, or from empty maps. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <string.h>

#include "kernel/maps/applied.h"
#include "kernel/maps/policy_maps.h"

static const enum state_map table_maps[TABLES_MAP_MAX] = {
	[TABLES_DST4] = MAP_DST4,   [TABLES_DST6] = MAP_DST6,   [TABLES_SRC4] = MAP_SRC4,
	[TABLES_SRC6] = MAP_SRC6,   [TABLES_PORTS] = MAP_PORTS, [TABLES_OWNERS] = MAP_OWNERS,
	[TABLES_RULES] = MAP_RULES,
};

static int make_edit(const struct tables_edit *edit, void *arg)
{
	const struct state *state = arg;
	enum state_map map = table_maps[edit->map];

	if (state->map[map] < 0)
		return -EOPNOTSUPP;
	if (!edit->remove)
		return policy_maps_update(state, map, &edit->key, &edit->value);
	if (bpf_map_delete_elem(state->map[map], &edit->key) && errno != ENOENT)
		return -errno;
	return 0;
}

/* Gives every interface with rules the `concerned` bits that `policy` wants there. */
static int
change_ifaces(const struct state *state, const struct policy *policy, tproxy_mask concerned,
	      int (*cb)(const struct state *state, const struct iface_entry *iface, void *arg),
	      void *arg)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err = policy_maps_ifaces(state, &ifaces, &n);

	for (size_t i = 0; i < n && !err; i++) {
		tproxy_mask wanted = policy_iface_rules(policy, &ifaces[i].value);
		tproxy_mask mask = (ifaces[i].value.mask & ~concerned) | (wanted & concerned);
		__u32 roles = ifaces[i].value.roles;

		if (!(roles & (TPROXY_ROLE_POLICY | TPROXY_ROLE_LOCAL)) ||
		    mask == ifaces[i].value.mask)
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
	int err = policy_maps_read_tables(state, &change->actual);

	if (!err)
		err = tables_compile(from, &change->before);
	if (!err)
		err = tables_compile(to, &change->after);
	if (!err)
		err = tables_rebase(&change->actual, &change->before, &change->after,
				    &change->target);
	return err;
}

/* The rules whose interfaces change, or which become rules for own traffic or cease to be. */
static tproxy_mask rescoped(const struct policy *from, const struct policy *to)
{
	tproxy_mask mask = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (!name_set_equal(&from->rules[i].interfaces, &to->rules[i].interfaces) ||
		    from->rules[i].local != to->rules[i].local)
			mask |= 1ULL << i;
	return mask;
}

/*
 * Makes or prints the edits. Rules that go are taken off the interfaces first, new ones are put on
 * them last, so that a rule never works in part.
 */
static int walk_change(const struct state *state, const struct policy *from,
		       const struct policy *to,
		       int (*on_iface)(const struct state *, const struct iface_entry *, void *),
		       int (*on_edit)(const struct tables_edit *, void *), void *arg)
{
	struct change change __cleanup_change = { 0 };
	int err = plan_change(state, from, to, &change);
	tproxy_mask gone, new;

	if (err)
		return err;
	gone = change.before.active & ~change.after.active;
	new = (change.after.active & ~change.before.active) | rescoped(from, to);
	err = change_ifaces(state, to, gone, on_iface, arg);
	if (!err)
		err = tables_diff(&change.actual, &change.target, on_edit, arg);
	if (!err)
		err = change_ifaces(state, to, new, on_iface, arg);
	return err;
}

static int stop_at_first(const struct tables_edit *edit, void *arg)
{
	return 1;
}

int policy_maps_differ(const struct policy *from, const struct policy *to)
{
	struct tables before __cleanup_tables = { 0 };
	struct tables after __cleanup_tables = { 0 };
	int err;

	if (from->unreadable != to->unreadable || rescoped(from, to))
		return 1;
	err = tables_compile(from, &before);
	if (!err)
		err = tables_compile(to, &after);
	return err ? err : tables_diff(&before, &after, stop_at_first, NULL);
}

static int make_iface(const struct state *state, const struct iface_entry *iface, void *arg)
{
	return policy_maps_iface_set(state, iface->ifindex, &iface->value);
}

/* Does the record have the interfaces of each rule that `to` has, or else `also`? */
static bool scopes_are(const struct applied *applied, const struct policy *to,
		       const struct policy *also)
{
	static const struct name_set nothing;

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct name_set *wanted = &nothing;

		if (to->rules[i].used)
			wanted = &to->rules[i].interfaces;
		else if (also && also->rules[i].used)
			wanted = &also->rules[i].interfaces;
		if (!name_set_equal(&applied->scopes[i], wanted))
			return false;
	}
	return true;
}

/*
 * The record follows the rules. A rule that goes keeps its interfaces until it is gone (`also`),
 * one that comes has them before: an interruption in between leaves no rule on an interface that
 * it was not meant for. The settings are the live ones.
 */
static int write_applied(const struct state *state, const struct policy *to,
			 const struct policy *also)
{
	struct applied scopes __cleanup_applied = { 0 };
	struct applied applied __cleanup_applied = { 0 };
	int err = applied_read_scopes(state, &scopes);

	if (err && err != -ENOENT)
		return err;
	if (scopes_are(&scopes, to, also) && (also || owner_names_are(&scopes.owners, to)) &&
	    (err == -ENOENT || settings_equal(scopes.settings, settings_live(state))))
		return 0;
	err = applied_read(state, &applied);
	if (err && err != -ENOENT)
		return err;
	applied.settings = settings_live(state);
	err = applied_take_scopes(&applied, to);
	for (int i = 0; i < TPROXY_MAX_RULES && !err && also; i++)
		if (!to->rules[i].used)
			err = name_set_merge(&applied.scopes[i], &also->rules[i].interfaces);
	return err ? err : applied_write(state, &applied);
}

int policy_maps_change(struct state *state, const struct policy *from, const struct policy *to)
{
	int err = write_applied(state, to, from);

	if (!err)
		err = walk_change(state, from, to, make_iface, make_edit, state);
	if (!err)
		err = settings_write(state, settings_of(to));
	return err ? err : write_applied(state, to, NULL);
}

static int write_rules_and_ports(const struct state *state, const struct tables *tables)
{
	int err = 0;

	for (__u32 i = 0; i < TPROXY_MAX_RULES && !err; i++)
		if (tables->active >> i & 1)
			err = policy_maps_update(state, MAP_RULES, &i, &tables->rules[i]);
	for (size_t i = 0; i < tables->ports.n && !err; i++) {
		const struct port_mask *p = &tables->ports.items[i];
		const struct tproxy_port key = { .proto = p->proto, .port = htons(p->port) };

		err = policy_maps_update(state, MAP_PORTS, &key, &p->mask);
	}
	return err;
}

int policy_maps_fill(const struct state *state, const struct policy *policy, bulk_progress progress)
{
	struct tables tables __cleanup_tables = { 0 };
	int err = tables_compile(policy, &tables);

	if (!err)
		err = write_rules_and_ports(state, &tables);
	if (!err)
		err = bulk_write_prefixes(state->map[MAP_DST4], AF_INET, &tables.dst, progress);
	if (!err)
		err = bulk_write_prefixes(state->map[MAP_DST6], AF_INET6, &tables.dst, progress);
	if (!err)
		err = bulk_write_prefixes(state->map[MAP_SRC4], AF_INET, &tables.src, progress);
	if (!err)
		err = bulk_write_prefixes(state->map[MAP_SRC6], AF_INET6, &tables.src, progress);
	if (!err && tables.owners.n && state->map[MAP_OWNERS] < 0)
		err = -EOPNOTSUPP;
	if (!err && tables.owners.n)
		err = bulk_write_prefixes(state->map[MAP_OWNERS], OWNER_FAMILY, &tables.owners,
					  NULL);
	return err;
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

static int print_iface(const struct state *state, const struct iface_entry *iface, void *arg)
{
	const struct printer *p = arg;

	print_command(p, "update", MAP_IFACES);
	print_bytes(p->out, "key", &iface->ifindex, sizeof(iface->ifindex));
	print_bytes(p->out, "value", &iface->value, sizeof(iface->value));
	fputc('\n', p->out);
	return 0;
}

static void print_settings(const struct printer *p, struct settings settings)
{
	struct tproxy_config config = p->state->config;
	const __u32 zero = 0;

	settings_put(settings, &config);
	print_command(p, "update", MAP_CONFIG);
	print_bytes(p->out, "key", &zero, sizeof(zero));
	print_bytes(p->out, "value", &config, sizeof(config));
	fputc('\n', p->out);
}

int policy_maps_print_bpftool(const struct state *state, const struct policy *from,
			      const struct policy *to, FILE *out)
{
	struct printer printer = { .state = state, .out = out };
	int err = walk_change(state, from, to, print_iface, print_edit, &printer);

	if (!err && !settings_equal(settings_live(state), settings_of(to)))
		print_settings(&printer, settings_of(to));
	return err;
}
