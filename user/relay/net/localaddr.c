/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/localaddr.h"

#include <linux/rtnetlink.h>

#include "lib/util.h"

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

static int read_addresses(struct local_set *set)
{
	struct addrset own, broadcast;
	int err = addrset_read_all(&own, &broadcast, &set->dump);

	if (err)
		return err;
	addrset_free(&set->own);
	addrset_free(&set->broadcast);
	set->own = own;
	set->broadcast = broadcast;
	return 0;
}

int local_update(struct local_set *set)
{
	/* Which address changed does not matter, nor do lost messages: all are read again. */
	discard_events(set->events);
	return read_addresses(set);
}

int local_open(struct local_set *set)
{
	int err;

	*set = (struct local_set){ .events = subscribe() };
	err = set->events < 0 ? set->events : nl_open(&set->dump);
	if (!err)
		err = read_addresses(set);
	if (err)
		local_close(set);
	return err;
}

void local_close(struct local_set *set)
{
	cleanup_fd(&set->events);
	nl_close(&set->dump);
	addrset_free(&set->own);
	addrset_free(&set->broadcast);
	set->events = -1;
}

enum local_kind local_lookup(const struct local_set *set, const union saddr *addr)
{
	bool v4 = addr->sa.sa_family == AF_INET;
	struct addrset_key key;

	addrset_key(v4 ? AF_INET : AF_INET6,
		    v4 ? (const void *)&addr->v4.sin_addr : (const void *)&addr->v6.sin6_addr,
		    &key);
	if (addrset_has(&set->own, &key))
		return LOCAL_ADDRESS;
	return addrset_has(&set->broadcast, &key) ? LOCAL_BROADCAST : LOCAL_NONE;
}
