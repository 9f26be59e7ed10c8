/* SPDX-License-Identifier: BSD-2-Clause */
/* Owners as keys of the map `owners`. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "policy/owner/owner.h"

#define ID_AT 4 /* in the address */

_Static_assert(offsetof(struct tproxy_owner_key, id) - offsetof(struct tproxy_owner_key, kind) ==
		       ID_AT,
	       "the address is the key after its length");

static __u64 id_of(const struct prefix *prefix)
{
	__u64 id;

	memcpy(&id, prefix->addr + ID_AT, sizeof(id));
	return be64toh(id);
}

struct prefix owner_prefix(enum tproxy_owner_kind kind, __u64 id, unsigned int id_bits)
{
	struct prefix p = { .family = OWNER_FAMILY, .addr = { (__u8)kind } };
	__u64 raw = htobe64(id);

	memcpy(p.addr + ID_AT, &raw, sizeof(raw));
	prefix_shorten(&p, OWNER_ANY_LEN + id_bits);
	return p;
}

/* The largest block that begins at `first` and ends by `last`: its number of bits, at most 63. */
static unsigned int block_bits(__u64 first, __u64 last)
{
	unsigned int bits = first ? (unsigned int)__builtin_ctzll(first) : 63;

	while (bits && (1ULL << bits) - 1 > last - first)
		bits--;
	return bits;
}

struct range {
	__u64 first, last;
};

static int range_order(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Ranges that meet or overlap become one: the keys depend on the ids only. */
static size_t join(struct range *ranges, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(ranges, n, sizeof(*ranges), range_order);
	for (size_t i = 1; i < n; i++) {
		struct range *last = &ranges[kept];

		if (last->last != UINT64_MAX && ranges[i].first > last->last + 1)
			ranges[++kept] = ranges[i];
		else if (ranges[i].last > last->last)
			last->last = ranges[i].last;
	}
	return n ? kept + 1 : 0;
}

struct walk {
	enum tproxy_owner_kind kind;
	int (*fn)(const struct prefix *prefix, void *arg);
	void *arg;
};

static int walk_range(const struct walk *walk, const struct range *range)
{
	__u64 first = range->first;
	int err = 0;

	while (!err) {
		unsigned int bits = block_bits(first, range->last);
		const struct prefix p = owner_prefix(walk->kind, first, 64 - bits);

		err = walk->fn(&p, walk->arg);
		if ((1ULL << bits) - 1 >= range->last - first)
			break;
		first += 1ULL << bits;
	}
	return err;
}

int owner_set_prefixes(enum tproxy_owner_kind kind, const struct owner_set *set,
		       int (*fn)(const struct prefix *prefix, void *arg), void *arg)
{
	const struct prefix any = owner_prefix(kind, 0, 0);
	const struct walk walk = { kind, fn, arg };
	__cleanup_free struct range *ranges = NULL;
	size_t n = 0;
	int err = 0;

	if (owner_set_is_any(set))
		return fn(&any, arg);
	ranges = calloc(set->n + 1, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++)
		if (set->items[i].known)
			ranges[n++] = (struct range){ set->items[i].first, set->items[i].last };
	n = join(ranges, n);
	for (size_t i = 0; i < n && !err; i++)
		err = walk_range(&walk, &ranges[i]);
	return err;
}

int owner_set_add_prefix(struct owner_set *set, const struct prefix *prefix)
{
	unsigned int bits = OWNER_ID_LEN - prefix->len;
	struct owner_item *last = set->n ? &set->items[set->n - 1] : NULL;
	struct owner_item owner = { .first = id_of(prefix), .known = true };

	owner.last = owner.first + ((1ULL << bits) - 1);
	if (!last || last->last + 1 != owner.first || !owner.first)
		return owner_set_append(set, &owner);
	last->last = owner.last;
	return 0;
}

void owner_key(const struct prefix *prefix, struct tproxy_owner_key *ret_key)
{
	*ret_key = (struct tproxy_owner_key){ .prefixlen = prefix->len };
	memcpy(&ret_key->kind, prefix->addr, OWNER_ID_LEN / 8);
}

struct prefix owner_of_key(const struct tproxy_owner_key *key)
{
	struct prefix p = { .family = OWNER_FAMILY };

	memcpy(p.addr, &key->kind, OWNER_ID_LEN / 8);
	prefix_shorten(&p, key->prefixlen < OWNER_ID_LEN ? key->prefixlen : OWNER_ID_LEN);
	return p;
}
