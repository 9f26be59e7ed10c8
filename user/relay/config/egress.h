/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How flows leave this host: their source address, device, mark and upstream, by destination and
 * client. Sections [egress NAME] and, for all other flows, the keys of [relay]. Built once from
 * text, then only read, except for the health of upstreams. Must not open sockets.
 */
#ifndef TPROXY_RELAY_CONFIG_EGRESS_H
#define TPROXY_RELAY_CONFIG_EGRESS_H

#include "relay/config/access.h"
#include "relay/config/proxy.h"
#include "relay/config/source.h"
#include "tproxy.h"

#define EGRESS_MAX 64

struct egress {
	char name[TPROXY_NAME_LEN]; /* empty: that of all other flows */
	bool has_to, has_from;      /* a list that is given may be empty */
	struct access_tree to;      /* destinations */
	struct access_tree from;    /* clients */
	bool has_source;
	struct outlet outlet;
	struct upstreams upstreams;
};

struct egress_list {
	struct egress *items; /* owned; in the order of the file */
	size_t count, room;
	struct egress other; /* of flows that match none */
};

/* Begins a section; its keys follow. 0 or -errno with *ret_why. */
int egress_begin(struct egress_list *list, const char *name, const char **ret_why);

/* Keys of the section that was begun last, as settings_set and settings_add take theirs. */
bool egress_is_list(const char *key);
int egress_set(struct egress_list *list, const char *key, const char *value, const char **ret_why);
int egress_add(struct egress_list *list, const char *key, const char *entry, const char **ret_why);

/* Gives sections the source and upstreams that they do not have, and `other` these. */
void egress_complete(struct egress_list *list, const struct source *source,
		     const struct upstreams *upstreams);

/*
 * What is wrong with section i as a whole, where these are the source and the upstreams of [relay].
 * marks: bits that tproxy itself uses. 0, or -errno with a line in ret_why.
 */
struct egress_defaults {
	const struct source *source;
	const struct upstreams *upstreams;
	uint32_t marks;
};
int egress_check(const struct egress_list *list, size_t i, const struct egress_defaults *defaults,
		 char *ret_why, size_t size);

/* The first one that matches a flow to dst. */
struct egress *egress_find(struct egress_list *list, const union saddr *client,
			   const union saddr *dst);

/* Flows of any section may have the address of their client. */
bool egress_have_client_source(const struct egress_list *list);

void egress_free(struct egress_list *list);

#endif
