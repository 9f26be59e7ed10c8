/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/route.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/device.h"
#include "tproxy.h"

bool route_family_present(__u8 family)
{
	return family == AF_INET || !access("/proc/net/if_inet6", F_OK);
}

__u32 route_df_mark(__u32 mark)
{
	return mark == 1U << 31 ? mark >> 1 : mark << 1;
}

/* ---- rules ---------------------------------------------------------------- */

static struct nlmsghdr *rule_message(struct nl *nl, char *buf, __u16 type, __u16 flags,
				     __u8 family)
{
	struct nlmsghdr *msg = nl_message(nl, buf, type, flags);
	struct fib_rule_hdr *hdr = mnl_nlmsg_put_extra_header(msg, sizeof(*hdr));

	hdr->family = family;
	if (type != RTM_GETRULE)
		hdr->action = FR_ACT_TO_TBL;
	return msg;
}

static void put_rule(struct nlmsghdr *msg, const struct route_key *key, const char *iif)
{
	mnl_attr_put_u32(msg, FRA_PRIORITY, TPROXY_RULE_PREF);
	mnl_attr_put_strz(msg, FRA_IIFNAME, iif);
	mnl_attr_put_u32(msg, FRA_FWMARK, key->mark);
	mnl_attr_put_u32(msg, FRA_FWMASK, key->mask);
	mnl_attr_put_u32(msg, FRA_TABLE, key->table);
	mnl_attr_put_u8(msg, FRA_PROTOCOL, TPROXY_RT_PROTOCOL);
}

int route_rule_add(struct nl *nl, __u8 family, const struct route_key *key, const char *iif)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg;
	int present = route_rule_present(nl, family, key, iif);

	if (present)
		return present < 0 ? present : 0;
	msg = rule_message(nl, buf, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, family);
	put_rule(msg, key, iif);
	return nl_request(nl, msg);
}

int route_rule_del(struct nl *nl, __u8 family, const struct route_key *key, const char *iif)
{
	char buf[NL_BUFFER];
	int err;

	/* The same rule may stand there twice if somebody restored a saved set. */
	do {
		struct nlmsghdr *msg = rule_message(nl, buf, RTM_DELRULE, 0, family);

		put_rule(msg, key, iif);
		err = nl_request(nl, msg);
	} while (!err);
	return err == -ENOENT ? 0 : err;
}

struct rule_walk {
	int (*cb)(const struct route_rule *rule, void *arg);
	void *arg;
	int result;
};

static __u32 attr_u32(const struct nlattr *attr, __u32 otherwise)
{
	return attr ? mnl_attr_get_u32(attr) : otherwise;
}

static int read_rule(const struct nlmsghdr *msg, void *data)
{
	const struct fib_rule_hdr *hdr = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[FRA_MAX + 1];
	struct nl_attrs attrs = { attr, FRA_MAX };
	struct rule_walk *walk = data;
	struct route_rule rule = { .family = hdr->family };

	nl_parse(msg, sizeof(*hdr), &attrs);
	rule.pref = attr_u32(attr[FRA_PRIORITY], 0);
	rule.mark = attr_u32(attr[FRA_FWMARK], 0);
	rule.mask = attr_u32(attr[FRA_FWMASK], 0);
	rule.table = attr_u32(attr[FRA_TABLE], hdr->table);
	if (attr[FRA_PROTOCOL])
		rule.protocol = mnl_attr_get_u8(attr[FRA_PROTOCOL]);
	if (attr[FRA_IIFNAME])
		snprintf(rule.iif, sizeof(rule.iif), "%s", mnl_attr_get_str(attr[FRA_IIFNAME]));
	walk->result = walk->cb(&rule, walk->arg);
	return walk->result ? MNL_CB_STOP : MNL_CB_OK;
}

int route_rules(struct nl *nl, __u8 family, int (*cb)(const struct route_rule *rule, void *arg),
		void *arg)
{
	struct rule_walk walk = { .cb = cb, .arg = arg };
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = rule_message(nl, buf, RTM_GETRULE, NLM_F_DUMP, family);
	int err = nl_query(nl, msg, read_rule, &walk);

	return err ? err : walk.result;
}

struct rule_wanted {
	const struct route_key *key;
	const char *iif;
};

bool route_rule_is_ours(const struct route_rule *rule, const struct route_key *key)
{
	return rule->protocol == TPROXY_RT_PROTOCOL && rule->mark == key->mark &&
	       rule->mask == key->mask && rule->table == key->table;
}

static int is_wanted(const struct route_rule *rule, void *arg)
{
	const struct rule_wanted *want = arg;

	return route_rule_is_ours(rule, want->key) && !strcmp(rule->iif, want->iif);
}

int route_rule_present(struct nl *nl, __u8 family, const struct route_key *key, const char *iif)
{
	struct rule_wanted want = { .key = key, .iif = iif };

	return route_rules(nl, family, is_wanted, &want);
}

/* ---- routes --------------------------------------------------------------- */

static struct nlmsghdr *route_message(struct nl *nl, char *buf, __u16 type, __u16 flags,
				      __u8 family)
{
	struct nlmsghdr *msg = nl_message(nl, buf, type, flags);
	struct rtmsg *hdr = mnl_nlmsg_put_extra_header(msg, sizeof(*hdr));

	hdr->rtm_family = family;
	return msg;
}

/* local default dev lo table T proto OURS */
static struct nlmsghdr *local_message(struct nl *nl, char *buf, __u16 type, __u16 flags,
				      __u8 family, __u32 table)
{
	struct nlmsghdr *msg = route_message(nl, buf, type, flags, family);
	struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);

	hdr->rtm_type = RTN_LOCAL;
	hdr->rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
	hdr->rtm_protocol = TPROXY_RT_PROTOCOL;
	hdr->rtm_table = RT_TABLE_UNSPEC;
	mnl_attr_put_u32(msg, RTA_TABLE, table);
	mnl_attr_put_u32(msg, RTA_OIF, if_nametoindex("lo"));
	return msg;
}

int route_local_add(struct nl *nl, __u8 family, __u32 table)
{
	char buf[NL_BUFFER];
	int err = nl_request(nl, local_message(nl, buf, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL,
					       family, table));

	return err == -EEXIST ? 0 : err;
}

int route_local_del(struct nl *nl, __u8 family, __u32 table)
{
	char buf[NL_BUFFER];
	int err = nl_request(nl, local_message(nl, buf, RTM_DELROUTE, 0, family, table));

	return err == -ESRCH || err == -ENOENT ? 0 : err;
}

struct table_walk {
	__u32 table;
	bool ours;
	bool foreign;
};

static int read_table_route(const struct nlmsghdr *msg, void *data)
{
	const struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[RTA_MAX + 1];
	struct nl_attrs attrs = { attr, RTA_MAX };
	struct table_walk *walk = data;

	nl_parse(msg, sizeof(*hdr), &attrs);
	if (attr_u32(attr[RTA_TABLE], hdr->rtm_table) != walk->table)
		return MNL_CB_OK;
	if (hdr->rtm_protocol == TPROXY_RT_PROTOCOL && hdr->rtm_type == RTN_LOCAL)
		walk->ours = true;
	else
		walk->foreign = true;
	return MNL_CB_OK;
}

static int walk_table(struct nl *nl, __u8 family, struct table_walk *walk)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = route_message(nl, buf, RTM_GETROUTE, NLM_F_DUMP, family);
	int err;

	mnl_attr_put_u32(msg, RTA_TABLE, walk->table);
	err = nl_query(nl, msg, read_table_route, walk);
	return err == -ENOENT ? 0 : err; /* no such table: no routes in it */
}

int route_local_present(struct nl *nl, __u8 family, __u32 table)
{
	struct table_walk walk = { .table = table };
	int err = walk_table(nl, family, &walk);

	return err ? err : walk.ours;
}

static int read_output(const struct nlmsghdr *msg, void *data)
{
	const struct nlattr *attr[RTA_MAX + 1];
	struct nl_attrs attrs = { attr, RTA_MAX };
	int *ifindex = data;

	nl_parse(msg, sizeof(struct rtmsg), &attrs);
	*ifindex = (int)attr_u32(attr[RTA_OIF], 0);
	return MNL_CB_OK;
}

int route_output(struct nl *nl, __u8 family, const void *addr)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = route_message(nl, buf, RTM_GETROUTE, 0, family);
	struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);
	__u16 len = family == AF_INET ? 4 : 16;
	int ifindex = 0;
	int err;

	hdr->rtm_dst_len = (__u8)(len * 8);
	mnl_attr_put(msg, RTA_DST, len, addr);
	err = nl_query(nl, msg, read_output, &ifindex);
	return err ? err : ifindex;
}

/* ---- conflicts ------------------------------------------------------------ */

struct conflict {
	__u32 bits;
	struct route_rule rule;
};

static int shares_our_mark(const struct route_rule *rule, void *arg)
{
	struct conflict *conflict = arg;

	if (rule->protocol == TPROXY_RT_PROTOCOL || !(rule->mark & conflict->bits))
		return 0;
	conflict->rule = *rule;
	return 1;
}

static const __u8 families[] = { AF_INET, AF_INET6 };

int route_mark_conflict(struct nl *nl, __u32 bits, char *ret_text, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct conflict conflict = { .bits = bits };
		int found;

		if (!route_family_present(families[i]))
			continue;
		found = route_rules(nl, families[i], shares_our_mark, &conflict);
		if (found > 0)
			snprintf(ret_text, size,
				 "mark 0x%x: rule %u matches fwmark 0x%x/0x%x already", bits,
				 conflict.rule.pref, conflict.rule.mark, conflict.rule.mask);
		if (found)
			return found;
	}
	return 0;
}

int route_table_conflict(struct nl *nl, __u32 table, char *ret_text, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct table_walk walk = { .table = table };
		int err;

		if (!route_family_present(families[i]))
			continue;
		err = walk_table(nl, families[i], &walk);
		if (err)
			return err;
		if (!walk.foreign)
			continue;
		snprintf(ret_text, size, "table %u: it holds routes that are not ours", table);
		return 1;
	}
	return 0;
}

/* ---- proof ---------------------------------------------------------------- */

struct neighbour {
	int ifindex;
	__u8 family;
	bool found;
	__u8 addr[16];
};

/* A plausible sender on the link: our own address there with its last bit turned. */
static int pick_neighbour(const struct address *address, void *arg)
{
	struct neighbour *n = arg;
	unsigned int last = n->family == AF_INET ? 3 : 15;

	if (address->ifindex != n->ifindex || address->family != n->family)
		return 0;
	memcpy(n->addr, address->addr, sizeof(n->addr));
	n->addr[last] ^= 1;
	n->found = true;
	return 0;
}

static int read_route_type(const struct nlmsghdr *msg, void *data)
{
	const struct rtmsg *hdr = mnl_nlmsg_get_payload(msg);
	int *type = data;

	*type = hdr->rtm_type;
	return MNL_CB_OK;
}

int route_prove(struct nl *nl, __u8 family, const struct route_key *key, int iif, int link)
{
	struct neighbour from = { .ifindex = link, .family = family };
	/* TEST-NET-1 (RFC 5737) and the documentation prefix (RFC 3849): nobody's address. */
	__u8 to4[16] = { 192, 0, 2, 1 };
	__u8 to6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	__u16 len = family == AF_INET ? 4 : 16;
	char buf[NL_BUFFER];
	struct nlmsghdr *msg;
	struct rtmsg *hdr;
	int type = RTN_UNSPEC;
	int err = device_addresses(nl, pick_neighbour, &from);

	if (err)
		return err;
	if (!from.found)
		return -EAGAIN;
	msg = route_message(nl, buf, RTM_GETROUTE, 0, family);
	hdr = mnl_nlmsg_get_payload(msg);
	hdr->rtm_dst_len = (__u8)(len * 8);
	hdr->rtm_src_len = (__u8)(len * 8);
	mnl_attr_put(msg, RTA_DST, len, family == AF_INET ? to4 : to6);
	mnl_attr_put(msg, RTA_SRC, len, from.addr);
	mnl_attr_put_u32(msg, RTA_IIF, (__u32)iif);
	mnl_attr_put_u32(msg, RTA_MARK, key->mark);
	err = nl_query(nl, msg, read_route_type, &type);
	/* The sender we made up may be refused (martian, rp_filter): that proves nothing. */
	if (err == -EINVAL || err == -EXDEV)
		return -EAGAIN;
	if (err == -EHOSTUNREACH || err == -ENETUNREACH)
		return -EXDEV;
	if (err)
		return err;
	return type == RTN_LOCAL ? 0 : -EXDEV;
}
