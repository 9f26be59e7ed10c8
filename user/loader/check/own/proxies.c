/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are the connections of the proxies themselves left alone? A proxy whose own connections match its
 * rule gets them back for ever.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/mapped.h"
#include "loader/check/list.h"
#include "loader/check/own/checked.h"
#include "loader/check/tools/filters.h"
#include "loader/check/tools/listening.h"
#include "loader/check/tools/neighbourhood.h"
#include "loader/own/standing.h"

struct loops {
	struct checkup *c;
	const struct own_checked *view;
	const struct tables *tables;
	const struct listening *listening;
	unsigned int checked;
};

/* An address that the rule is for, and one of its ports. */
static void sample_flow(const struct rule *rule, enum tproxy_class cls,
			struct tproxy_flow_key *ret_key)
{
	const __u8 family = listening_family(cls), protocol = listening_protocol(cls);
	struct tproxy_flow_key key = { .proto = protocol };
	struct endpoint to = { .family = family };
	struct fw_range range;

	neighbourhood_stranger(family, &to);
	for (size_t i = 0; i < rule->to.n; i++) {
		if (rule->to.items[i].family != family || !rule->to.items[i].len)
			continue;
		filters_range(&rule->to.items[i], &range);
		memcpy(to.addr, range.hi, sizeof(to.addr));
		break;
	}
	for (size_t i = 0; i < rule->services.n; i++)
		if (rule->services.items[i].proto == protocol)
			key.dport = htons(rule->services.items[i].range.first);
	mapped_from(family, to.addr, key.dst);
	mapped_from(family, (const __u8[16]){ 0 }, key.src);
	*ret_key = key;
}

/* Would one of its connections that the rule is for be given to a proxy, whichever? */
static bool is_taken(const struct loops *l, const struct rule *rule, enum tproxy_class cls,
		     const struct own_sender *sender, enum own_standing standing)
{
	const tproxy_mask mask = l->view->lo->iface.value.mask;
	struct tproxy_flow_key key;
	int taken;

	if (standing == OWN_EXCLUDED_CGROUP || standing == OWN_EXCLUDED_TASK)
		return false;
	sample_flow(rule, cls, &key);
	taken = standing == OWN_INCLUDED ? takes_flow(l->tables, mask, &key) :
					   takes_own_flow(l->tables, mask, &key, &sender->takes);
	return taken >= 0 && rule_is_proxy(&l->c->policy.rules[taken]);
}

static void report(const struct loops *l, const struct rule *rule, const struct holder *holder)
{
	struct problem *p =
		problem_add(&l->c->problems, "own-loop", VERDICT_BROKEN, "lo", rule->name);

	problem_text(p,
		     "the connections of its proxy, %s (pid %d), match the rule themselves: they "
		     "would come back to it for ever",
		     holder->comm, (int)holder->pid);
	problem_next(p, "tproxy-loader attach --local; it notes the processes of proxies, as "
			"tproxy-loader watch does");
}

/* True, and a problem: no further class is needed. A declared mark is the proxy's own business. */
static bool check_class(struct loops *l, const struct rule *rule, enum tproxy_class cls)
{
	const struct listener *listener;
	enum own_standing standing;
	struct own_sender sender;
	struct holder holder;

	listening_find(l->listening, rule, cls, NULL, &listener);
	if (!listener || !listener_holder(listener, &holder))
		return false;
	if (own_sender_of(holder.pid, &sender))
		return false;
	l->checked++;
	standing = own_standing_of(&l->c->session->state, &sender, holder.pid);
	if ((rule->proxy.port && l->view->config.relay_mark) ||
	    !is_taken(l, rule, cls, &sender, standing))
		return false;
	report(l, rule, &holder);
	return true;
}

static void check_rules_of(struct loops *l)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &l->c->policy.rules[i];
		enum tproxy_class cls = 0;

		if (!rule_is_proxy(rule) || !checkup_takes_own(l->c, l->view->lo, i))
			continue;
		while (cls < TPROXY_CLASS_MAX &&
		       (!(listening_wanted(rule) >> cls & 1) || !check_class(l, rule, cls)))
			cls++;
	}
	checkup_evidence(l->c, "%u listeners", l->checked);
}

void check_own_proxies(struct checkup *c)
{
	struct listening listening __cleanup_listening = { .slots = { { 0 } } };
	struct tables tables __cleanup_tables = { 0 };
	struct own_checked view;
	struct loops loops = { c, &view, &tables, &listening, 0 };
	int err;

	if (!own_checked_read(c, &view))
		return;
	err = listening_open(&listening, &c->session->state);
	if (!err)
		err = policy_maps_read_tables(&c->session->state, &tables);
	if (err)
		checkup_unchecked(c, "listeners cannot be checked: %s", strerror(-err));
	else
		check_rules_of(&loops);
}
