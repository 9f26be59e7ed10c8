/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a packet with our mark delivered here? */
#include <string.h>
#include <sys/socket.h>

#include "loader/check/list.h"
#include "loader/steps/routing.h"
#include "loader/steps/steps.h"

/* One family of one interface. */
struct family_look {
	struct checkup *c;
	const struct checked_iface *iface;
	__u8 family;
	char digit;
	struct ruleorder order;
	bool rule, route;
};

static struct problem *add(struct family_look *look, const char *id, enum verdict verdict)
{
	struct problem *p =
		problem_add(&look->c->problems, id, verdict, look->iface->device.name, NULL);

	problem_concerns(p, look->family == AF_INET ? PROBLEM_IPV4 : PROBLEM_IPV6);
	return p;
}

static void next_is_attach(const struct family_look *look, struct problem *p, const char *watch)
{
	problem_next(p, "tproxy-loader attach %s; tproxy-loader watch %s", look->iface->device.name,
		     watch);
}

static void say_missing(struct family_look *look)
{
	struct problem *p;

	if (!look->rule && !look->route && look->family == AF_INET6) {
		p = add(look, "ipv6-half", VERDICT_BROKEN);
		problem_text(p,
			     "it speaks IPv6, but only IPv4 is set up: intercepted IPv6 flows do "
			     "not arrive");
		next_is_attach(look, p, "sets up both");
		return;
	}
	if (!look->rule) {
		p = add(look, "rule-missing", VERDICT_BROKEN);
		problem_text(p,
			     "the IPv%c routing rule is missing: intercepted IPv%c flows do not "
			     "arrive",
			     look->digit, look->digit);
		next_is_attach(look, p, "restores it");
	}
	if (!look->route) {
		p = add(look, "route-missing", VERDICT_BROKEN);
		problem_text(p,
			     "the local IPv%c route of table %u is missing: intercepted IPv%c "
			     "flows do not arrive",
			     look->digit, look->c->session->state.config.table, look->digit);
		next_is_attach(look, p, "restores it");
	}
}

static void say_earlier(struct family_look *look)
{
	bool all = look->order.earlier == RULE_ALL;
	struct problem *p = add(look, "earlier-rule", all ? VERDICT_BROKEN : VERDICT_DEGRADED);
	char text[RULE_TEXT_LEN];

	problem_text(p,
		     "the IPv%c rule \"%s\" comes before ours (%u) and decides about %s "
		     "intercepted packets: they may leave past the proxy",
		     look->digit, rule_text(&look->order.worst, text), look->order.pref,
		     all ? "all" : "some");
	if (ruleorder_is_misplaced(&look->order) && look->order.worst.pref)
		problem_next(p,
			     "tproxy-loader attach %s moves ours before it; tproxy-loader watch "
			     "does so by itself",
			     look->iface->device.name);
	else
		problem_next(p, "give it a higher preference: there is no room before it");
}

/* What the rules look like is one thing, what the kernel answers another. */
static void check_lookup(struct family_look *look)
{
	const struct ruleorder *order = &look->order;
	const struct route_key key = steps_route_key(look->c->session);
	struct problem *p;

	if (route_prove(&look->c->session->nl, look->family, &key, order->named.ifindex,
			order->device.ifindex) != -EXDEV)
		return;
	p = add(look, "not-delivered", VERDICT_BROKEN);
	problem_text(p,
		     "the kernel would not deliver a marked IPv%c packet here: its route look-up "
		     "leads elsewhere",
		     look->digit);
	problem_next(p, "ip -%c rule, and ip -%c route show table %u", look->digit, look->digit,
		     key.table);
}

static void say_unread(struct family_look *look, int err)
{
	struct problem *p = add(look, "routing-unknown", VERDICT_DEGRADED);

	problem_text(p, "its IPv%c routing cannot be read: %s", look->digit, strerror(-err));
	problem_next(p, "try again, as root");
}

static void check_family(struct family_look *look)
{
	struct session *session = look->c->session;
	int err = ruleorder_read(session, look->family, &look->iface->device, &look->order);
	int route =
		err ? err :
		      route_local_present(&session->nl, look->family, session->state.config.table);

	if (route < 0) {
		say_unread(look, route);
		return;
	}
	look->rule = look->order.there;
	look->route = route;
	if (!look->rule || !look->route)
		say_missing(look);
	else if (look->order.earlier != RULE_NEVER)
		say_earlier(look);
	else
		check_lookup(look);
}

void check_routing(struct checkup *c, const struct checked_iface *iface)
{
	static const __u8 families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct family_look look = { .c = c,
					    .iface = iface,
					    .family = families[i],
					    .digit = route_family_digit(families[i]) };

		if (steps_family_wanted(families[i], iface->device.name))
			check_family(&look);
		ruleorder_free(&look.order);
	}
}
