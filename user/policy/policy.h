/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy as people think of it: an ordered list of rules, each with sets of prefixes and
 * ports. The command line, files and the live maps become this, and all output is printed from it.
 * Pure data; tables.h compiles it for the maps.
 */
#ifndef TPROXY_POLICY_POLICY_H
#define TPROXY_POLICY_POLICY_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "policy/owner/owner.h"
#include "policy/sets.h"
#include "tproxy.h"

struct rule {
	bool used;
	char name[TPROXY_NAME_LEN];
	enum tproxy_action action;
	enum tproxy_on_down on_down;
	enum tproxy_unrouted unrouted;
	struct endpoint proxy; /* port 0: tproxy-relay; family 0: loopback of the flow's family */
	struct prefix_set to;  /* empty: nothing; both defaults: everything */
	struct prefix_set from;
	struct service_set services;
	struct name_set interfaces;                     /* empty: every attached interface */
	enum tproxy_local local;                        /* the host's own traffic */
	struct owner_set owners[TPROXY_OWNER_KIND_MAX]; /* of own traffic only */
};

struct policy {
	struct rule rules[TPROXY_MAX_RULES]; /* index = match order = bit in the masks */
	enum tproxy_unreadable unreadable;
};

extern const char *const policy_action_names[TPROXY_ACTION_MAX];
extern const char *const policy_on_down_names[TPROXY_ON_DOWN_MAX];
extern const char *const policy_unrouted_names[TPROXY_UNROUTED_MAX];
extern const char *const policy_local_names[TPROXY_LOCAL_MAX];
extern const char *const policy_unreadable_names[TPROXY_UNREADABLE_MAX];
extern const char *const policy_proto_names[POLICY_PROTO_MAX];
extern const char policy_default_rule[]; /* the rule that attach makes or extends */

/* A name that the kernel accepts, or a glob. */
bool policy_ifname_is_valid(const char *name);

bool rule_is_proxy(const struct rule *rule); /* used, and its action is proxy */
bool rule_forwards(const struct rule *rule); /* used, and leaves the flow to the kernel */
bool rule_is_on(const struct rule *rule, const char *ifname);
bool rule_is_local(const struct rule *rule); /* used, and matches own traffic, too */

tproxy_mask policy_used_rules(const struct policy *policy);
tproxy_mask policy_audits(const struct policy *policy); /* those with the action audit */
/* The mask of an interface with the policy role. */
tproxy_mask policy_rules_on(const struct policy *policy, const char *ifname);
tproxy_mask policy_local_rules(const struct policy *policy); /* those for own traffic */
/* The mask of an entry of `ifaces` by its roles. */
tproxy_mask policy_iface_rules(const struct policy *policy, const struct tproxy_iface *iface);

/* Index of the rule of that name, or -ENOENT. */
int policy_find(const struct policy *policy, const char *name);
/* The index after the last used one, or -ENOSPC. */
int policy_append_index(const struct policy *policy);
/*
 * Makes room before rule `index`: the rules from there to the next unused number get a number that
 * is higher by one. -ENOSPC when no number after `index` is unused.
 */
int policy_make_room(struct policy *policy, int index);
/* Letters, digits, '-', '_', '.'; at most TPROXY_NAME_LEN - 1 of them. */
bool policy_name_is_valid(const char *name);

int policy_copy(const struct policy *from, struct policy *ret_to); /* deep */
void rule_free(struct rule *rule); /* frees what it owns and marks it unused */
void policy_free(struct policy *policy);
#define __cleanup_policy __attribute__((cleanup(policy_free)))

/* "22,80,1000-2000", of one protocol. */
int policy_parse_services(const char *text, __u8 proto, struct service_set *set,
			  const char **ret_why);
/* "10.0.0.0/8,2001:db8::/32" or "all". */
int policy_parse_prefixes(const char *text, struct prefix_set *set, const char **ret_why);
/* "tcp/22", "udp/5000-5010", "tcp" (every port). */
int policy_parse_service(const char *text, struct service *ret_service, const char **ret_why);
/* One item of the key `ports`: as above, or without a protocol, which is 0 then: "22", "80-90". */
int policy_parse_port(const char *text, struct service *ret_service, const char **ret_why);
/* "22,80-90,udp/53": items of the key `ports`. */
int policy_parse_ports(const char *text, struct service_set *set, const char **ret_why);
/* A name from policy_proto_names, or "udp+tcp": enum policy_proto, or -EINVAL. */
int policy_parse_proto(const char *text);
/* "eth0,wg*". */
int policy_parse_interfaces(const char *text, struct name_set *set, const char **ret_why);
/* "alice,1000-1999", "/system.slice,4711" or "none"; names are not looked up. */
int policy_parse_owners(const char *text, enum tproxy_owner_kind kind, struct owner_set *set,
			const char **ret_why);
/* One item of it. */
int policy_take_owner(const char *item, enum tproxy_owner_kind kind, struct owner_set *set,
		      const char **ret_why);
/* "relay" or an endpoint. */
int policy_parse_proxy(const char *text, struct endpoint *ret_proxy, const char **ret_why);

#define SERVICE_TEXT_LEN 32
#define PROXY_TEXT_LEN 64
char *service_format(const struct service *service, char *buf);
/* "own traffic only of uid alice,1000-1999, gid 5"; "" for a rule that has nothing to do with it. */
char *own_format(const struct rule *rule, char *buf, size_t size);
char *proxy_format(const struct endpoint *proxy, char *buf);

#endif
