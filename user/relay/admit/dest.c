/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/admit/dest.h"

const char *const dest_reasons[DEST_MAX] = {
	[DEST_OWN_LISTENER] = "own-listener",
	[DEST_UNSPECIFIED] = "unspecified",
	[DEST_LOOPBACK] = "loopback",
	[DEST_LINK_LOCAL] = "link-local",
	[DEST_MULTICAST] = "multicast",
	[DEST_BROADCAST] = "broadcast",
	[DEST_ROUTER] = "router",
};

static enum dest_verdict scope4(struct in_addr in)
{
	uint32_t a = ntohl(in.s_addr);

	if (a >> 24 == 0) /* "this host on this network", RFC 1122 3.2.1.3; Linux dials itself */
		return DEST_UNSPECIFIED;
	if (a >> 24 == 127)
		return DEST_LOOPBACK;
	if (a >> 16 == 0xa9fe)
		return DEST_LINK_LOCAL;
	if (a >> 28 == 0xe)
		return DEST_MULTICAST;
	return a == INADDR_BROADCAST ? DEST_BROADCAST : DEST_OK;
}

static enum dest_verdict scope6(const struct in6_addr *a)
{
	if (IN6_IS_ADDR_UNSPECIFIED(a))
		return DEST_UNSPECIFIED;
	if (IN6_IS_ADDR_LOOPBACK(a))
		return DEST_LOOPBACK;
	if (IN6_IS_ADDR_LINKLOCAL(a))
		return DEST_LINK_LOCAL;
	return IN6_IS_ADDR_MULTICAST(a) ? DEST_MULTICAST : DEST_OK;
}

enum dest_verdict dest_check(const union saddr *dst, enum local_kind kind,
			     const struct port_set *own, unsigned int allowed)
{
	bool v4 = dst->sa.sa_family == AF_INET;
	enum dest_verdict scope = v4 ? scope4(dst->v4.sin_addr) : scope6(&dst->v6.sin6_addr);
	bool here = kind == LOCAL_ADDRESS || scope == DEST_LOOPBACK || scope == DEST_UNSPECIFIED;

	/* A flow to our own listener would be relayed to itself without end. */
	if (here && port_set_has(own, saddr_port(dst)))
		return DEST_OWN_LISTENER;
	if (allowed & DEST_ALLOW_LOCAL)
		return DEST_OK;
	if (v4 && scope == DEST_LINK_LOCAL && allowed & DEST_ALLOW_LINK_LOCAL)
		scope = DEST_OK;
	if (scope != DEST_OK)
		return scope;
	if (kind == LOCAL_BROADCAST)
		return DEST_BROADCAST;
	return kind == LOCAL_ADDRESS ? DEST_ROUTER : DEST_OK;
}
