/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/localaddr.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "lib/device.h"
#include "lib/util.h"

/* ---- the set ------------------------------------------------------------ */

static int append_place(struct local_set *set, const struct addrset_key *key, int ifindex)
{
	int err = array_room((void **)&set->places, set->place_count, &set->place_room,
			     sizeof(*set->places));

	if (!err)
		set->places[set->place_count++] =
			(struct local_place){ .key = *key, .ifindex = ifindex };
	return err;
}

static int append_address(const struct address *address, void *arg)
{
	static const __u8 none[4];
	struct local_set *set = arg;
	struct addrset_key key;
	int err;

	addrset_key(address->family, address->addr, &key);
	err = addrset_append(&set->own, &key);
	if (!err)
		err = append_place(set, &key, address->ifindex);
	if (err || !memcmp(address->broadcast, none, sizeof(none)))
		return err;
	addrset_key(AF_INET, address->broadcast, &key);
	return addrset_append(&set->broadcast, &key);
}

static int order(const void *a, const void *b)
{
	const struct local_place *x = a, *y = b;
	int by_key = memcmp(&x->key, &y->key, sizeof(x->key));

	return by_key ? by_key : (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

static struct addrset_key key_of(const union saddr *addr)
{
	bool v4 = addr->sa.sa_family == AF_INET;
	struct addrset_key key;

	addrset_key(v4 ? AF_INET : AF_INET6,
		    v4 ? (const void *)&addr->v4.sin_addr : (const void *)&addr->v6.sin6_addr,
		    &key);
	return key;
}

enum local_kind local_lookup(const struct local_set *set, const union saddr *addr)
{
	struct addrset_key key = key_of(addr);

	if (addrset_has(&set->own, &key))
		return LOCAL_ADDRESS;
	return addrset_has(&set->broadcast, &key) ? LOCAL_BROADCAST : LOCAL_NONE;
}

bool local_is_on(const struct local_set *set, const union saddr *addr, int ifindex)
{
	struct local_place place = { .key = key_of(addr), .ifindex = ifindex };

	return set->place_count &&
	       bsearch(&place, set->places, set->place_count, sizeof(place), order);
}

void local_free(struct local_set *set)
{
	addrset_free(&set->own);
	addrset_free(&set->broadcast);
	free(set->places);
	*set = (struct local_set){ 0 };
}

/* ---- reading it --------------------------------------------------------- */

static int subscribe(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK,
				    .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	__cleanup_close int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	return take_fd(&fd);
}

static void discard_events(int fd)
{
	char buf[8192];

	while (recv(fd, buf, sizeof(buf), 0) >= 0 || errno == ENOBUFS || errno == EINTR)
		;
}

int local_read(struct local_reader *r, struct local_set *set)
{
	struct local_set fresh = { 0 };
	int err;

	/* Which address changed does not matter, nor do lost messages: all are read again. */
	discard_events(r->events);
	err = device_addresses(&r->dump, append_address, &fresh);
	if (err) {
		local_free(&fresh);
		return err;
	}
	addrset_sort(&fresh.own);
	addrset_sort(&fresh.broadcast);
	if (fresh.place_count)
		qsort(fresh.places, fresh.place_count, sizeof(*fresh.places), order);
	local_free(set);
	*set = fresh;
	return 0;
}

int local_reader_open(struct local_reader *r)
{
	int err;

	*r = (struct local_reader){ .events = subscribe() };
	err = r->events < 0 ? r->events : nl_open(&r->dump);
	if (err)
		local_reader_close(r);
	return err;
}

void local_reader_close(struct local_reader *r)
{
	cleanup_fd(&r->events);
	nl_close(&r->dump);
	r->events = -1;
}
