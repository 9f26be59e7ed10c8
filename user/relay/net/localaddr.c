/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/localaddr.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "lib/util.h"

static int netlink_open(unsigned int groups, int flags)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups = groups };
	__cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&nl, sizeof(nl)))
		return -errno;
	return take_fd(&fd);
}

static void map4(uint8_t *to, const void *addr)
{
	memset(to, 0, 10);
	memset(to + 10, 0xff, 2);
	memcpy(to + 12, addr, 4);
}

static int entry_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((struct local_entry *)0)->addr));
}

/* A set under construction. */
struct builder {
	struct local_entry *entries;
	size_t count;
	size_t room;
};

static int builder_add(struct builder *b, uint8_t family, const void *addr, enum local_kind kind)
{
	if (b->count == b->room) {
		size_t room = b->room ? b->room * 2 : 32;
		void *grown = realloc(b->entries, room * sizeof(*b->entries));

		if (!grown)
			return -ENOMEM;
		b->entries = grown;
		b->room = room;
	}
	if (family == AF_INET)
		map4(b->entries[b->count].addr, addr);
	else
		memcpy(b->entries[b->count].addr, addr, 16);
	b->entries[b->count++].kind = kind;
	return 0;
}

static int take_address(struct builder *b, struct nlmsghdr *nlh)
{
	struct ifaddrmsg *ifa = NLMSG_DATA(nlh);
	int len = (int)IFA_PAYLOAD(nlh);
	const void *address = NULL, *local = NULL, *broadcast = NULL;
	int err = 0;

	for (struct rtattr *a = IFA_RTA(ifa); RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		if (a->rta_type == IFA_ADDRESS)
			address = RTA_DATA(a);
		else if (a->rta_type == IFA_LOCAL)
			local = RTA_DATA(a);
		else if (a->rta_type == IFA_BROADCAST)
			broadcast = RTA_DATA(a);
	}
	/* On point-to-point links IFA_ADDRESS is the other end. */
	if (!local)
		local = address;
	if (local)
		err = builder_add(b, ifa->ifa_family, local, LOCAL_ADDRESS);
	if (broadcast && !err)
		err = builder_add(b, ifa->ifa_family, broadcast, LOCAL_BROADCAST);
	return err;
}

/* One part of the answer. 1: there is more, 0: that was all, -EAGAIN: changed meanwhile. */
static int take_part(struct builder *b, char *buf, size_t len)
{
	bool interrupted = false;

	for (struct nlmsghdr *nlh = (struct nlmsghdr *)buf; NLMSG_OK(nlh, len);
	     nlh = NLMSG_NEXT(nlh, len)) {
		int err = 0;

		interrupted |= nlh->nlmsg_flags & NLM_F_DUMP_INTR;
		if (nlh->nlmsg_type == NLMSG_DONE)
			return interrupted ? -EAGAIN : 0;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return ((struct nlmsgerr *)NLMSG_DATA(nlh))->error ?: -EIO;
		if (nlh->nlmsg_type == RTM_NEWADDR)
			err = take_address(b, nlh);
		if (err)
			return err;
	}
	return interrupted ? -EAGAIN : 1;
}

static int dump(int fd, struct builder *b)
{
	static _Thread_local char buf[32768];
	struct {
		struct nlmsghdr nlh;
		struct ifaddrmsg ifa;
	} request = { .nlh = { .nlmsg_len = sizeof(request),
			       .nlmsg_type = RTM_GETADDR,
			       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	int more = 1;

	if (send(fd, &request, sizeof(request), 0) < 0)
		return -errno;
	while (more > 0) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		more = take_part(b, buf, (size_t)n);
	}
	return more;
}

/* Leaves what an abandoned dump still sends. */
static void discard(int fd)
{
	char buf[8192];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) >= 0 || errno == ENOBUFS || errno == EINTR)
		;
}

static void keep_from(struct builder *b, size_t start)
{
	b->count -= start;
	memmove(b->entries, b->entries + start, b->count * sizeof(*b->entries));
}

static int reload(struct local_set *set)
{
	struct builder b = { 0 };
	size_t start = 0;
	int err = -EAGAIN;

	for (int tries = 0; err == -EAGAIN && tries < 5; tries++) {
		discard(set->dump);
		start = b.count;
		err = dump(set->dump, &b);
	}
	if (!err && start)
		keep_from(&b, start);
	/* Where changes never pause: one that was there all the time is in some of the tries. */
	if (err && err != -EAGAIN) {
		free(b.entries);
		return err;
	}
	if (b.count)
		qsort(b.entries, b.count, sizeof(*b.entries), entry_cmp);
	free(set->entries);
	set->entries = b.entries;
	set->count = b.count;
	return 0;
}

int local_update(struct local_set *set)
{
	/* Which address changed does not matter, nor that messages were lost: all is read anew. */
	discard(set->events);
	return reload(set);
}

int local_open(struct local_set *set)
{
	int err;

	*set = (struct local_set){ .events = -1, .dump = -1 };
	set->events = netlink_open(RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, SOCK_NONBLOCK);
	set->dump = netlink_open(0, 0);
	err = set->events < 0 ? set->events : set->dump < 0 ? set->dump : reload(set);
	if (err)
		local_close(set);
	return err;
}

void local_close(struct local_set *set)
{
	cleanup_fd(&set->events);
	cleanup_fd(&set->dump);
	free(set->entries);
	*set = (struct local_set){ .events = -1, .dump = -1 };
}

enum local_kind local_lookup(const struct local_set *set, const union saddr *addr)
{
	struct local_entry key;
	const struct local_entry *found;

	if (!set->count)
		return LOCAL_NONE;
	if (addr->sa.sa_family == AF_INET)
		map4(key.addr, &addr->v4.sin_addr);
	else
		memcpy(key.addr, &addr->v6.sin6_addr, 16);
	found = bsearch(&key, set->entries, set->count, sizeof(key), entry_cmp);
	return found ? found->kind : LOCAL_NONE;
}
