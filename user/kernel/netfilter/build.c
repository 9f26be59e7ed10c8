/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/netfilter/build.h"

#include <string.h>

#include "lib/util.h"

/* Room for one more, or false; the model is incomplete then. */
static bool room(struct firewall *fw, void **items, size_t n, size_t *have, size_t size, size_t max)
{
	if (n < max && !array_room(items, n, have, size))
		return true;
	fw->incomplete = true;
	return false;
}

/* ---- names -------------------------------------------------------------- */

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_-./:+", c));
}

bool build_name(char *to, size_t size, const char *name)
{
	bool changed = false;
	size_t i;

	for (i = 0; name[i] && i + 1 < size; i++) {
		to[i] = is_plain(name[i]) ? name[i] : '?';
		changed |= to[i] != name[i];
	}
	to[i] = '\0';
	return changed || name[i] || !i;
}

/* ---- chains ------------------------------------------------------------- */

struct fw_chain *build_chain(struct firewall *fw, __u8 family, const char *table, const char *name)
{
	struct fw_chain *chain;

	if (!room(fw, (void **)&fw->chains, fw->n_chains, &fw->room_chains, sizeof(*fw->chains),
		  FW_MAX_CHAINS))
		return NULL;
	chain = &fw->chains[fw->n_chains++];
	*chain = (struct fw_chain){
		.family = family, .hook = FW_HOOK_MAX, .first = FW_NONE, .last = FW_NONE
	};
	chain->odd = build_name(chain->table, sizeof(chain->table), table);
	chain->odd |= build_name(chain->name, sizeof(chain->name), name);
	return chain;
}

__u32 build_find_chain(const struct firewall *fw, __u8 family, const char *table, const char *name)
{
	char plain_table[FW_NAME_LEN], plain_name[FW_NAME_LEN];

	build_name(plain_table, sizeof(plain_table), table);
	build_name(plain_name, sizeof(plain_name), name);
	for (size_t i = 0; i < fw->n_chains; i++) {
		const struct fw_chain *chain = &fw->chains[i];

		if (chain->family == family && !chain->legacy && !strcmp(chain->name, plain_name) &&
		    !strcmp(chain->table, plain_table))
			return (__u32)i;
	}
	return FW_NONE;
}

struct fw_flowtable *build_flowtable(struct firewall *fw)
{
	struct fw_flowtable *flowtable;

	if (!room(fw, (void **)&fw->flowtables, fw->n_flowtables, &fw->room_flowtables,
		  sizeof(*fw->flowtables), FW_MAX_FLOWTABLES))
		return NULL;
	flowtable = &fw->flowtables[fw->n_flowtables++];
	*flowtable = (struct fw_flowtable){ .family = 0 };
	return flowtable;
}

/* ---- rules -------------------------------------------------------------- */

void build_begin(const struct firewall *fw, struct fw_rule *ret_rule, __u32 chain)
{
	*ret_rule = (struct fw_rule){
		.chain = chain, .next = FW_NONE, .first = (__u32)fw->n_conds, .target = FW_NONE
	};
}

static bool add_range(struct firewall *fw, const struct fw_range *range)
{
	if (!room(fw, (void **)&fw->ranges, fw->n_ranges, &fw->room_ranges, sizeof(*fw->ranges),
		  FW_MAX_RANGES))
		return false;
	fw->ranges[fw->n_ranges++] = *range;
	return true;
}

static void add_cond(struct firewall *fw, struct fw_rule *rule, const struct fw_cond *cond)
{
	if (!room(fw, (void **)&fw->conds, fw->n_conds, &fw->room_conds, sizeof(*fw->conds),
		  FW_MAX_RANGES)) {
		rule->unread = true;
		return;
	}
	fw->conds[fw->n_conds++] = *cond;
	rule->n++;
}

void build_cond(struct firewall *fw, struct fw_rule *rule, const struct fw_cond *cond,
		const struct fw_range *ranges, size_t n)
{
	struct fw_cond to = *cond;

	to.first = (__u32)fw->n_ranges;
	to.n = (__u32)n;
	for (size_t i = 0; i < n; i++)
		if (!add_range(fw, &ranges[i])) {
			rule->unread = true;
			return;
		}
	add_cond(fw, rule, &to);
}

void build_cond_copy(struct firewall *fw, struct fw_rule *rule, __u32 index)
{
	const struct fw_cond copy = fw->conds[index];

	add_cond(fw, rule, &copy);
}

/* The ones of the mask come before its zeros, so that a masked value is a range of values. */
static bool is_prefix_mask(const __u8 *mask, size_t len)
{
	size_t i = 0;
	__u8 rest;

	while (i < len && mask[i] == 0xff)
		i++;
	if (i == len)
		return true;
	rest = (__u8)~mask[i];
	if (rest & (rest + 1))
		return false;
	for (i++; i < len; i++)
		if (mask[i])
			return false;
	return true;
}

void build_widen(struct fw_cond *cond, struct fw_range *ranges, size_t n, size_t len)
{
	if (!is_prefix_mask(cond->mask, len))
		return;
	for (size_t i = 0; i < n; i++)
		for (size_t at = 0; at < len; at++)
			ranges[i].hi[at] |= (__u8)~cond->mask[at];
	memset(cond->mask, 0xff, sizeof(cond->mask));
}

void build_masked(struct firewall *fw, struct fw_rule *rule, const struct fw_cond *cond,
		  const void *value, size_t len)
{
	struct fw_cond masked = *cond;
	struct fw_range range = { 0 };
	const __u8 *bytes = value;

	for (size_t i = 0; i < len; i++)
		range.lo[i] = range.hi[i] = bytes[i] & cond->mask[i];
	build_widen(&masked, &range, 1, len);
	build_cond(fw, rule, &masked, &range, 1);
}

void build_between(struct firewall *fw, struct fw_rule *rule, const struct fw_cond *cond,
		   const void *lo, const void *hi, size_t len)
{
	struct fw_range range = { 0 };

	memcpy(range.lo, lo, len);
	memcpy(range.hi, hi, len);
	build_cond(fw, rule, cond, &range, 1);
}

void build_equal(struct firewall *fw, struct fw_rule *rule, enum fw_field field, const void *value,
		 size_t len)
{
	struct fw_cond cond = { .field = field };

	memset(cond.mask, 0xff, sizeof(cond.mask));
	build_between(fw, rule, &cond, value, value, len);
}

void build_device(struct firewall *fw, struct fw_rule *rule, const struct fw_cond *cond,
		  const char *name, bool prefix)
{
	const size_t len = strnlen(name, IF_NAMESIZE);
	struct fw_range range = { 0 };

	memcpy(range.lo, name, len);
	memcpy(range.hi, name, len);
	if (prefix)
		memset(range.hi + len, 0xff, sizeof(range.hi) - len);
	build_cond(fw, rule, cond, &range, 1);
}

void build_rule(struct firewall *fw, const struct fw_rule *rule)
{
	struct fw_chain *chain = &fw->chains[rule->chain];

	if (!room(fw, (void **)&fw->rules, fw->n_rules, &fw->room_rules, sizeof(*fw->rules),
		  FW_MAX_RULES))
		return;
	fw->rules[fw->n_rules] = *rule;
	if (chain->last == FW_NONE)
		chain->first = (__u32)fw->n_rules;
	else
		fw->rules[chain->last].next = (__u32)fw->n_rules;
	chain->last = (__u32)fw->n_rules++;
}
