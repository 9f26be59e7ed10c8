/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/routing/rules.h"

#include <linux/fib_rules.h>
#include <string.h>

/* Attributes of newer kernels may be selectors. */
#define KNOWN_MAX FRA_DPORT_RANGE

static __u8 attr_u8(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_u8(attr) : 0;
}

static void take_name(char *to, const struct nlattr *attr)
{
	if (attr)
		snprintf(to, IF_NAMESIZE, "%s", mnl_attr_get_str(attr));
}

static void take_prefix(struct rule_prefix *prefix, const struct nlattr *attr, __u8 len)
{
	prefix->len = len;
	if (attr && mnl_attr_get_payload_len(attr) <= sizeof(prefix->addr))
		memcpy(prefix->addr, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
}

static void take_uids(struct rule_range *range, const struct nlattr *attr)
{
	const struct fib_rule_uid_range *uids;

	if (!attr || mnl_attr_get_payload_len(attr) < sizeof(*uids))
		return;
	uids = mnl_attr_get_payload(attr);
	*range = (struct rule_range){ true, uids->start, uids->end };
}

static void take_ports(struct rule_range *range, const struct nlattr *attr)
{
	const struct fib_rule_port_range *ports;

	if (!attr || mnl_attr_get_payload_len(attr) < sizeof(*ports))
		return;
	ports = mnl_attr_get_payload(attr);
	*range = (struct rule_range){ true, ports->start, ports->end };
}

static void take_selectors(struct route_rule *rule, const struct nlattr *const *attr)
{
	rule->mark = nl_attr_u32(attr[FRA_FWMARK], 0);
	rule->mask = nl_attr_u32(attr[FRA_FWMASK], attr[FRA_FWMARK] ? 0xffffffff : 0);
	rule->l3mdev = attr_u8(attr[FRA_L3MDEV]);
	rule->ipproto = attr_u8(attr[FRA_IP_PROTO]);
	take_name(rule->iif, attr[FRA_IIFNAME]);
	take_name(rule->oif, attr[FRA_OIFNAME]);
	take_uids(&rule->uid, attr[FRA_UID_RANGE]);
	take_ports(&rule->sport, attr[FRA_SPORT_RANGE]);
	take_ports(&rule->dport, attr[FRA_DPORT_RANGE]);
	if (attr[FRA_TUN_ID] && mnl_attr_get_payload_len(attr[FRA_TUN_ID]) == sizeof(__u64))
		rule->tun_id = be64toh(mnl_attr_get_u64(attr[FRA_TUN_ID]));
}

static bool has_unknown(const struct nlmsghdr *msg)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, msg, sizeof(struct fib_rule_hdr))
		if (mnl_attr_get_type(attr) > KNOWN_MAX)
			return true;
	return false;
}

void rule_parse(const struct nlmsghdr *msg, struct route_rule *ret_rule)
{
	const struct fib_rule_hdr *hdr = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[KNOWN_MAX + 1];
	struct nl_attrs attrs = { attr, KNOWN_MAX };
	struct route_rule *rule = ret_rule;

	nl_parse(msg, sizeof(*hdr), &attrs);
	*rule = (struct route_rule){ .family = hdr->family,
				     .action = hdr->action,
				     .tos = hdr->tos,
				     .invert = hdr->flags & FIB_RULE_INVERT,
				     .unresolved = hdr->flags & FIB_RULE_UNRESOLVED,
				     .unknown = has_unknown(msg) };
	rule->protocol = attr_u8(attr[FRA_PROTOCOL]);
	rule->pref = nl_attr_u32(attr[FRA_PRIORITY], 0);
	rule->table = nl_attr_u32(attr[FRA_TABLE], hdr->table);
	rule->target = nl_attr_u32(attr[FRA_GOTO], 0);
	rule->suppress_len = (int)nl_attr_u32(attr[FRA_SUPPRESS_PREFIXLEN], (__u32)-1);
	rule->suppress_group = (int)nl_attr_u32(attr[FRA_SUPPRESS_IFGROUP], (__u32)-1);
	take_prefix(&rule->from, attr[FRA_SRC], hdr->src_len);
	take_prefix(&rule->to, attr[FRA_DST], hdr->dst_len);
	take_selectors(rule, attr);
}

static int append(const struct nlmsghdr *msg, void *arg)
{
	struct rule_list *list = arg;

	if (array_room((void **)&list->items, list->n, &list->room, sizeof(*list->items))) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	rule_parse(msg, &list->items[list->n++]);
	return MNL_CB_OK;
}

/* What an interrupted dump adds is at the end; it belongs after rules of the same preference. */
static void sort(struct rule_list *list)
{
	for (size_t i = 1; i < list->n; i++) {
		struct route_rule rule = list->items[i];
		size_t to = i;

		while (to && list->items[to - 1].pref > rule.pref)
			to--;
		if (to == i)
			continue;
		memmove(&list->items[to + 1], &list->items[to], (i - to) * sizeof(rule));
		list->items[to] = rule;
	}
}

int rules_read(struct nl *nl, __u8 family, struct rule_list *ret_list)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_GETRULE, NLM_F_DUMP);
	struct fib_rule_hdr *hdr = mnl_nlmsg_put_extra_header(msg, sizeof(*hdr));
	struct rule_list list = { 0 };
	int err;

	hdr->family = family;
	err = nl_query(nl, msg, append, &list);
	if (err) {
		rules_free(&list);
		return err;
	}
	sort(&list);
	*ret_list = list;
	return 0;
}

void rules_free(struct rule_list *list)
{
	free(list->items);
	*list = (struct rule_list){ 0 };
}
