/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/addrset.h"

#include <string.h>
#include <sys/socket.h>

#include "lib/device.h"
#include "lib/mapped.h"

_Static_assert(sizeof(struct addrset_key) == sizeof(struct tproxy_local_key),
	       "an item is a key of the local map");

void addrset_key(__u8 family, const void *addr, struct addrset_key *ret_key)
{
	mapped_from(family, addr, ret_key->addr);
}

bool addrset_is_loopback(const struct addrset_key *key)
{
	static const __u8 loopback6[16] = { [15] = 1 };

	return (mapped_is(key->addr) && key->addr[MAPPED_LEN] == 127) ||
	       !memcmp(key->addr, loopback6, sizeof(loopback6));
}

int addrset_append(struct addrset *set, const struct addrset_key *key)
{
	int err = array_room((void **)&set->items, set->n, &set->room, sizeof(*set->items));

	if (!err)
		set->items[set->n++] = *key;
	return err;
}

static int order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct addrset_key));
}

void addrset_sort(struct addrset *set)
{
	if (set->n)
		qsort(set->items, set->n, sizeof(*set->items), order);
}

bool addrset_has(const struct addrset *set, const struct addrset_key *key)
{
	return set->n && bsearch(key, set->items, set->n, sizeof(*set->items), order);
}

void addrset_free(struct addrset *set)
{
	free(set->items);
	*set = (struct addrset){ 0 };
}

static int append_address(const struct address *address, void *arg)
{
	struct addrset_key key;

	addrset_key(address->family, address->addr, &key);
	return addrset_append(arg, &key);
}

static int append_both(const struct address *address, void *arg)
{
	static const __u8 none[4];
	struct addrset_key key;
	int err = append_address(address, arg);

	if (err || !memcmp(address->broadcast, none, sizeof(none)))
		return err;
	addrset_key(AF_INET, address->broadcast, &key);
	return addrset_append(arg, &key);
}

static int read_set(struct addrset *ret_own, struct nl *nl,
		    int (*append)(const struct address *address, void *arg))
{
	struct addrset own = { 0 };
	int err = device_addresses(nl, append, &own);

	if (err) {
		addrset_free(&own);
		return err;
	}
	addrset_sort(&own);
	*ret_own = own;
	return 0;
}

int addrset_read(struct addrset *ret_own, struct nl *nl)
{
	return read_set(ret_own, nl, append_address);
}

int addrset_read_with_broadcast(struct addrset *ret_set, struct nl *nl)
{
	return read_set(ret_set, nl, append_both);
}
