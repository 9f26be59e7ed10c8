/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a packet with our mark delivered here? */
#include <string.h>
#include <sys/socket.h>

#include "loader/check/list.h"
#include "loader/steps/routing/routing.h"
#include "loader/steps/routing/steps_route.h"

/* What is looked at: one family of one interface. */
struct family_look {
	struct checkup *c;
	const struct checked_iface *iface;
	char digit;
	struct routing routing;
};

static struct problem *add(struct family_look *look, const char *id, enum verdict verdict)
{
	struct problem *p =
		problem_add(&look->c->problems, id, verdict, look->iface->device.name, NULL);

	problem_concerns(p, look->routing.family == AF_INET ? PROBLEM_IPV4 : PROBLEM_IPV6);
	return p;
}

static void next_is_attach(const struct family_look *look, struct problem *p, const char *watch)
{
	problem_next(p, "tproxy-loader attach %s; tproxy-loader watch %s", look->iface->device.name,
		     watch);
}

static void report_missing(struct family_look *look)
{
	const struct routing *r = &look->routing;
	struct problem *p;

	if (!r->rule && !r->route && r->family == AF_INET6) {
		p = add(look, "ipv6-half", VERDICT_BROKEN);
		problem_text(p,
			     "it speaks IPv6, but only IPv4 is set up: intercepted IPv6 flows do "
			     "not arrive");
		next_is_attach(look, p, "sets up both");
		return;
	}
	if (!r->rule) {
		p = add(look, "rule-missing", VERDICT_BROKEN);
		problem_text(p,
			     "the IPv%c routing rule is missing: intercepted IPv%c flows do not "
			     "arrive",
			     look->digit, look->digit);
		next_is_attach(look, p, "restores it");
	}
	if (!r->route) {
		p = add(look, "route-missing", VERDICT_BROKEN);
		problem_text(p,
			     "the local IPv%c route of table %u is missing: intercepted IPv%c "
			     "flows do not arrive",
			     look->digit, r->key.table, look->digit);
		next_is_attach(look, p, "restores it");
	}
}

static void report_earlier(struct family_look *look)
{
	const struct routing *r = &look->routing;
	bool all = r->earlier == RULE_ALL;
	struct problem *p = add(look, "earlier-rule", all ? VERDICT_BROKEN : VERDICT_DEGRADED);
	char text[RULE_TEXT_LEN];

	problem_text(p,
		     "the IPv%c rule \"%s\" comes before ours (%u) and decides about %s "
		     "intercepted packets: they may leave past the proxy",
		     look->digit, rule_text(&r->worst, text), r->pref, all ? "all" : "some");
	if (routing_is_misplaced(r) && r->worst.pref)
		problem_next(p,
			     "tproxy-loader attach %s moves ours before it; tproxy-loader watch "
			     "does so by itself",
			     look->iface->device.name);
	else
		problem_next(p, "give it a higher preference: there is no room before it");
}

/* The rules may look right and the kernel may still answer otherwise. */
static void check_lookup(struct family_look *look)
{
	const struct routing *r = &look->routing;
	struct problem *p;

	if (route_prove(&look->c->session->nl, r->family, &r->key, r->named.ifindex,
			r->device.ifindex) != -EXDEV)
		return;
	p = add(look, "not-delivered", VERDICT_BROKEN);
	problem_text(p,
		     "the kernel would not deliver a marked IPv%c packet here: its route look-up "
		     "leads elsewhere",
		     look->digit);
	problem_next(p, "ip -%c rule, and ip -%c route show table %u", look->digit, look->digit,
		     r->key.table);
}

static void report_unread(struct family_look *look, int err)
{
	struct problem *p = add(look, "routing-unknown", VERDICT_DEGRADED);

	problem_text(p, "its IPv%c routing cannot be read: %s", look->digit, strerror(-err));
	problem_next(p, "try again, as root");
}

static void check_family(struct family_look *look, __u8 family)
{
	int err = routing_look(look->c->session, family, &look->iface->device, &look->routing);

	if (err)
		report_unread(look, err);
	else if (!routing_is_complete(&look->routing))
		report_missing(look);
	else if (look->routing.earlier != RULE_NEVER)
		report_earlier(look);
	else
		check_lookup(look);
	routing_free(&look->routing);
}

void check_routing(struct checkup *c, const struct checked_iface *iface)
{
	for (size_t i = 0; i < ROUTE_FAMILIES; i++) {
		struct family_look look = { .c = c,
					    .iface = iface,
					    .digit = route_family_digit(route_families[i]) };

		if (steps_family_wanted(route_families[i], iface->device.name))
			check_family(&look, route_families[i]);
	}
}
