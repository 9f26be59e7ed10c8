/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/routing/route.h"

#include <linux/fib_rules.h>
#include <string.h>
#include <sys/socket.h>

#include "tproxy.h"

char route_family_digit(__u8 family)
{
	return family == AF_INET ? '4' : '6';
}

const __u8 route_families[ROUTE_FAMILIES] = { AF_INET, AF_INET6 };

bool route_family_present(__u8 family)
{
	return family == AF_INET || !access("/proc/net/if_inet6", F_OK);
}

/* ---- rules -------------------------------------------------------------- */

static struct nlmsghdr *rule_message(struct nl *nl, char *buf, __u16 type, __u16 flags, __u8 family)
{
	struct nlmsghdr *msg = nl_message(nl, buf, type, flags);
	struct fib_rule_hdr *hdr = mnl_nlmsg_put_extra_header(msg, sizeof(*hdr));

	hdr->family = family;
	hdr->action = FR_ACT_TO_TBL;
	return msg;
}

static void put_rule(struct nlmsghdr *msg, const struct route_key *key, const char *iif,
		     __u8 protocol)
{
	mnl_attr_put_strz(msg, FRA_IIFNAME, iif);
	mnl_attr_put_u32(msg, FRA_FWMARK, key->mark);
	mnl_attr_put_u32(msg, FRA_FWMASK, key->mask);
	mnl_attr_put_u32(msg, FRA_TABLE, key->table);
	mnl_attr_put_u8(msg, FRA_PROTOCOL, protocol);
}

/* Without NLM_F_EXCL: to the kernel a rule with another protocol is the same (rule_exists). */
int route_rule_add(struct nl *nl, __u8 family, const struct route_key *key, const char *iif,
		   __u32 pref)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = rule_message(nl, buf, RTM_NEWRULE, NLM_F_CREATE, family);

	mnl_attr_put_u32(msg, FRA_PRIORITY, pref);
	put_rule(msg, key, iif, TPROXY_RT_PROTOCOL);
	return nl_request(nl, msg);
}

/* Without a preference the request would also remove a rule with more selectors. */
int route_rule_del_at(struct nl *nl, const struct route_rule *rule)
{
	const struct route_key key = { rule->mark, rule->mask, rule->table };
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = rule_message(nl, buf, RTM_DELRULE, 0, rule->family);
	int err;

	mnl_attr_put_u32(msg, FRA_PRIORITY, rule->pref);
	put_rule(msg, &key, rule->iif, rule->protocol);
	err = nl_request(nl, msg);
	return err == -ENOENT ? 0 : err;
}

int route_rules(struct nl *nl, __u8 family, int (*cb)(const struct route_rule *rule, void *arg),
		void *arg)
{
	struct rule_list list __cleanup_rules = { 0 };
	int result = rules_read(nl, family, &list);

	for (size_t i = 0; i < list.n && !result; i++)
		result = cb(&list.items[i], arg);
	return result;
}

struct filter {
	int (*cb)(const struct route_rule *rule, void *arg);
	void *arg;
};

static int pass_if_tproxys(const struct route_rule *rule, void *arg)
{
	const struct filter *filter = arg;

	return rule_is_tproxys(rule) ? filter->cb(rule, filter->arg) : 0;
}

int route_rules_of_tproxy(struct nl *nl, __u8 family,
			  int (*cb)(const struct route_rule *rule, void *arg), void *arg)
{
	struct filter filter = { cb, arg };

	return route_rules(nl, family, pass_if_tproxys, &filter);
}

bool route_rule_is_old(const struct route_rule *rule)
{
	return rule->protocol == TPROXY_RT_PROTOCOL_OLD;
}

bool route_rule_is_ours(const struct route_rule *rule, const struct route_key *key)
{
	return rule_is_tproxys(rule) && rule->mark == key->mark && rule->mask == key->mask &&
	       rule->table == key->table;
}
