/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The address that destinations see, as the user names it: that of this host, that of the client,
 * or a list of addresses and prefixes, and which of the list a flow gets. Pure; must not open
 * sockets, nor know whether an address is on this host.
 */
#ifndef TPROXY_RELAY_CONFIG_SOURCE_H
#define TPROXY_RELAY_CONFIG_SOURCE_H

#include <net/if.h>

#include "lib/parse.h"
#include "relay/net/addr.h"

enum source_mode {
	SOURCE_OWN,            /* this host's, as the kernel chooses */
	SOURCE_CLIENT_IP,      /* the client's address, a port of ours */
	SOURCE_CLIENT_IP_PORT, /* both, as the client sent them */
	SOURCE_LIST,           /* one of `addresses`, a port of ours */
	SOURCE_MAX
};

#define SOURCE_ADDRESSES_MAX 64
#define SOURCE_TEXT_LEN (PREFIX_TEXT_LEN + 32)

struct source {
	enum source_mode mode;
	unsigned int count; /* of a list */
	struct prefix addresses[SOURCE_ADDRESSES_MAX];
};

/* The source of packets, and what else decides about their way out. */
struct outlet {
	struct source source;
	char device[IF_NAMESIZE]; /* empty: as routing chooses */
	uint32_t mark;            /* SO_MARK, 0: none */
};

/* "own", "client-ip", "client-ip-port", or addresses and prefixes. 0 or -errno. */
int source_parse(const char *text, struct source *ret_source, const char **ret_why);

static inline bool source_is_client(const struct source *source)
{
	return source->mode == SOURCE_CLIENT_IP || source->mode == SOURCE_CLIENT_IP_PORT;
}

/* For people: the mode, or the first address and how many there are. Returns buf. */
char *source_format(const struct source *source, char buf[SOURCE_TEXT_LEN]);

/* One address that a list offers to a flow. */
struct source_offer {
	union saddr addr; /* port 0 */
	bool routed;      /* of a prefix: routed to this host, which need not have the address */
};

/*
 * The next address for a flow to `dst`; *n: 0 for the first one, which the address of dst chooses.
 * The others follow if it cannot be used. False: there are no more of that family.
 */
bool source_offer_next(const struct source *source, const union saddr *dst, unsigned int *n,
		       struct source_offer *ret_offer);

#endif
