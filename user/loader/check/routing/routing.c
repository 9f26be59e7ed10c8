/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a packet with our mark delivered here? */
#include <string.h>
#include <sys/socket.h>

#include "loader/check/list.h"
#include "loader/steps/routing/routing.h"
#include "loader/steps/routing/steps_route.h"

/* One family of one interface. */
struct family_check {
	struct checkup *c;
	const struct checked_iface *iface;
	char digit;
	struct routing routing;
};

static struct problem *add(struct family_check *check, const char *id, enum verdict verdict)
{
	struct problem *p =
		problem_add(&check->c->problems, id, verdict, check->iface->device.name, NULL);

	problem_concerns(p, check->routing.family == AF_INET ? PROBLEM_IPV4 : PROBLEM_IPV6);
	return p;
}

static void next_is_attach(const struct family_check *check, struct problem *p, const char *watch)
{
	problem_next(p, "tproxy-loader attach %s; tproxy-loader watch %s",
		     check->iface->device.name, watch);
}

static void report_missing(struct family_check *check)
{
	const struct routing *r = &check->routing;
	struct problem *p;

	if (!r->rule && !r->route && r->family == AF_INET6) {
		p = add(check, "ipv6-half", VERDICT_BROKEN);
		problem_text(p,
			     "it speaks IPv6, but only IPv4 is set up: intercepted IPv6 flows do "
			     "not arrive");
		next_is_attach(check, p, "sets up both");
		return;
	}
	if (!r->rule) {
		p = add(check, "rule-missing", VERDICT_BROKEN);
		problem_text(p,
			     "the IPv%c routing rule is missing: intercepted IPv%c flows do not "
			     "arrive",
			     check->digit, check->digit);
		next_is_attach(check, p, "restores it");
	}
	if (!r->route) {
		p = add(check, "route-missing", VERDICT_BROKEN);
		problem_text(p,
			     "the local IPv%c route of table %u is missing: intercepted IPv%c "
			     "flows do not arrive",
			     check->digit, r->key.table, check->digit);
		next_is_attach(check, p, "restores it");
	}
}

static void report_earlier(struct family_check *check)
{
	const struct routing *r = &check->routing;
	bool all = r->earlier == RULE_ALL;
	struct problem *p = add(check, "earlier-rule", all ? VERDICT_BROKEN : VERDICT_DEGRADED);
	char text[RULE_TEXT_LEN];

	problem_text(p,
		     "the IPv%c rule \"%s\" comes before ours (%u) and decides about %s "
		     "intercepted packets: they may leave past the proxy",
		     check->digit, rule_text(&r->worst, text), r->pref, all ? "all" : "some");
	if (routing_is_misplaced(r) && r->worst.pref)
		problem_next(
			p,
			"tproxy-loader attach %s; it moves ours before it, and tproxy-loader watch "
			"does so by itself",
			check->iface->device.name);
	else
		problem_next(p, "give it a higher preference: there is no room before it");
}

/* The rules may look right and the kernel may still answer otherwise: false. */
static bool check_lookup(struct family_check *check)
{
	const struct routing *r = &check->routing;
	struct problem *p;

	if (route_prove(&check->c->session->nl, r->family, &r->key, r->named.ifindex,
			r->device.ifindex) != -EXDEV)
		return true;
	p = add(check, "not-delivered", VERDICT_BROKEN);
	problem_text(p,
		     "the kernel would not deliver a marked IPv%c packet here: its route look-up "
		     "leads elsewhere",
		     check->digit);
	problem_next(p, "ip -%c rule, and ip -%c route show table %u", check->digit, check->digit,
		     r->key.table);
	return false;
}

static void report_unread(struct family_check *check, int err)
{
	struct problem *p = add(check, "routing-unknown", VERDICT_DEGRADED);

	problem_text(p, "its IPv%c routing cannot be read: %s", check->digit, strerror(-err));
	problem_next(p, "try again, as root");
}

static void check_family(struct family_check *check, __u8 family)
{
	int err = routing_read(check->c->session, family, &check->iface->device, &check->routing);

	if (err)
		report_unread(check, err);
	else if (!routing_is_complete(&check->routing))
		report_missing(check);
	else if (check->routing.earlier != RULE_NEVER)
		report_earlier(check);
	else if (check_lookup(check))
		checkup_evidence(check->c, "%s: IPv%c rule %u, table %u", check->iface->device.name,
				 check->digit, check->routing.pref, check->routing.key.table);
	routing_free(&check->routing);
}

void check_routing(struct checkup *c, const struct checked_iface *iface)
{
	for (size_t i = 0; i < ROUTE_FAMILIES; i++) {
		struct family_check check = { .c = c,
					      .iface = iface,
					      .digit = route_family_digit(route_families[i]) };

		if (steps_family_wanted(route_families[i], iface->device.name))
			check_family(&check, route_families[i]);
	}
}
