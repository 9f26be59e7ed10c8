/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/netfilter/nft/set.h"

#include <libnftnl/set.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "lib/util.h"

#define MAX_SETS 1024
#define MAX_ELEMENTS 4096 /* of one set */
#define MAX_ALL 131072    /* of all sets together: some 15 MB */

static void free_set(struct nftnl_set **set)
{
	if (*set)
		nftnl_set_free(*set);
}
#define __cleanup_set __attribute__((cleanup(free_set)))

/* ---- descriptions ------------------------------------------------------- */

static bool has_single_values(const struct nftnl_set *set)
{
	__u32 flags = nftnl_set_get_u32(set, NFTNL_SET_FLAGS);
	bool data = flags & (NFT_SET_MAP | NFT_SET_OBJECT);
	bool verdicts = nftnl_set_get_u32(set, NFTNL_SET_DATA_TYPE) == NFT_DATA_VERDICT;

	return nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN) <= FW_VALUE_LEN &&
	       !(flags & NFT_SET_CONCAT) && (!data || verdicts);
}

int nft_sets_take(struct nft_sets *sets, const struct nlmsghdr *msg)
{
	struct nftnl_set *set __cleanup_set = nftnl_set_alloc();
	struct nft_set *to;

	if (!set || array_room((void **)&sets->items, sets->n, &sets->room, sizeof(*sets->items)))
		return -ENOMEM;
	if (sets->n == MAX_SETS || nftnl_set_nlmsg_parse(msg, set) < 0 ||
	    !nftnl_set_is_set(set, NFTNL_SET_TABLE) || !nftnl_set_is_set(set, NFTNL_SET_NAME))
		return 0;
	to = &sets->items[sets->n++];
	*to = (struct nft_set){ .family = (__u8)nftnl_set_get_u32(set, NFTNL_SET_FAMILY),
				.read = has_single_values(set) };
	to->intervals = nftnl_set_get_u32(set, NFTNL_SET_FLAGS) & NFT_SET_INTERVAL;
	to->key_len = nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN);
	to->verdicts = nftnl_set_get_u32(set, NFTNL_SET_DATA_TYPE) == NFT_DATA_VERDICT;
	/* A name that had to be changed could be taken for another one. */
	if (build_name(to->table, sizeof(to->table), nftnl_set_get_str(set, NFTNL_SET_TABLE)) ||
	    strlen(nftnl_set_get_str(set, NFTNL_SET_NAME)) >= sizeof(to->name))
		to->read = false;
	snprintf(to->name, sizeof(to->name), "%s", nftnl_set_get_str(set, NFTNL_SET_NAME));
	return 0;
}

bool nft_set_is_readable(const struct nft_sets *sets, const struct nft_set *set)
{
	return set->read && sets->n < MAX_SETS && sets->elements < MAX_ALL;
}

static struct nft_set *find(const struct nft_sets *sets, __u8 family, const char *table,
			    const char *name)
{
	for (size_t i = 0; i < sets->n; i++)
		if (sets->items[i].family == family && !strcmp(sets->items[i].name, name) &&
		    !strcmp(sets->items[i].table, table))
			return &sets->items[i];
	return NULL;
}

const struct nft_set *nft_sets_find(const struct nft_sets *sets, __u8 family, const char *table,
				    const char *name)
{
	const struct nft_set *set = find(sets, family, table, name);

	return set && set->read ? set : NULL;
}

/* ---- elements ----------------------------------------------------------- */

static int add_element(struct nftnl_set_elem *elem, void *arg)
{
	struct nft_set *set = arg;
	struct nft_element *to;
	const void *key;
	__u32 len = 0;

	if (set->n >= MAX_ELEMENTS ||
	    array_room((void **)&set->elements, set->n, &set->room, sizeof(*set->elements)))
		return -1;
	to = &set->elements[set->n];
	*to = (struct nft_element){ .verdict = NFT_CONTINUE };
	key = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &len);
	if (!key || len > FW_VALUE_LEN) /* the catch-all element, too */
		return -1;
	memcpy(to->range.lo, key, len);
	memcpy(to->range.hi, key, len);
	to->end = nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_FLAGS) &&
		  nftnl_set_elem_get_u32(elem, NFTNL_SET_ELEM_FLAGS) & NFT_SET_ELEM_INTERVAL_END;
	if (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_VERDICT))
		to->verdict = (int)nftnl_set_elem_get_u32(elem, NFTNL_SET_ELEM_VERDICT);
	if (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_CHAIN))
		build_name(to->chain, sizeof(to->chain),
			   nftnl_set_elem_get_str(elem, NFTNL_SET_ELEM_CHAIN));
	set->n++;
	return 0;
}

static void forget(struct nft_set *set)
{
	free(set->elements);
	set->elements = NULL;
	set->n = set->room = 0;
	set->read = false;
}

int nft_sets_take_elements(struct nft_sets *sets, const struct nlmsghdr *msg)
{
	struct nftnl_set *parsed __cleanup_set = nftnl_set_alloc();
	char table[FW_NAME_LEN];
	struct nft_set *set;

	if (!parsed)
		return -ENOMEM;
	if (nftnl_set_elems_nlmsg_parse(msg, parsed) < 0 ||
	    !nftnl_set_is_set(parsed, NFTNL_SET_TABLE) || !nftnl_set_is_set(parsed, NFTNL_SET_NAME))
		return 0;
	build_name(table, sizeof(table), nftnl_set_get_str(parsed, NFTNL_SET_TABLE));
	set = find(sets, (__u8)nftnl_set_get_u32(parsed, NFTNL_SET_FAMILY), table,
		   nftnl_set_get_str(parsed, NFTNL_SET_NAME));
	if (!set || !set->read)
		return 0;
	sets->elements -= set->n;
	if (nftnl_set_elem_foreach(parsed, add_element, set) < 0)
		forget(set);
	sets->elements += set->n;
	return set->read ? 0 : -E2BIG;
}

/* ---- intervals ---------------------------------------------------------- */

/* An end is before the beginning at the same value. */
static int compare(const void *a, const void *b)
{
	const struct nft_element *x = a, *y = b;
	int order = memcmp(x->range.lo, y->range.lo, FW_VALUE_LEN);

	return order ? order : y->end - x->end;
}

static void minus_one(__u8 *bytes, size_t len)
{
	while (len && bytes[--len]-- == 0)
		;
}

/* Each beginning gets the value before the next end as its last one; the ends go. */
static void join(struct nft_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++) {
		struct nft_element e = set->elements[i];

		if (e.end)
			continue;
		memset(e.range.hi, 0xff, FW_VALUE_LEN);
		if (i + 1 < set->n) {
			memcpy(e.range.hi, set->elements[i + 1].range.lo, FW_VALUE_LEN);
			minus_one(e.range.hi, set->key_len);
		}
		set->elements[n++] = e;
	}
	set->n = n;
}

void nft_sets_finish(struct nft_sets *sets)
{
	for (size_t i = 0; i < sets->n; i++) {
		struct nft_set *set = &sets->items[i];

		if (!set->read || !set->intervals)
			continue;
		qsort(set->elements, set->n, sizeof(*set->elements), compare);
		join(set);
	}
}

void nft_sets_free(struct nft_sets *sets)
{
	for (size_t i = 0; i < sets->n; i++)
		free(sets->items[i].elements);
	free(sets->items);
	*sets = (struct nft_sets){ 0 };
}
