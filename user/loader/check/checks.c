/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/checks.h"

#include "lib/util.h"
#include "loader/check/list.h"

struct check {
	const char *question; /* "Do packets meet our program first?" */
	/* Either may be absent: once for each attached interface that is there, and once at all. */
	void (*of_iface)(struct checkup *c, const struct checked_iface *iface);
	void (*of_all)(struct checkup *c);
};

/* In the order in which they concern a packet. */
static const struct check checks[] = {
	{ .question = "Is our program on the interface, and of this build?",
	  .of_iface = check_program,
	  .of_all = check_programs },
	{ .question = "Is a marked packet routed to this host, in both families?",
	  .of_iface = check_routing },
	{ .question = "Do packets meet our program first?", .of_iface = check_order },
	{ .question = "Has every rule a listener?", .of_all = check_listeners },
	{ .question = "Does it accept what is queued for it?", .of_all = check_accepting },
	{ .question = "Do the answers of clients arrive?", .of_all = check_handshakes },
	{ .question = "Do flow starts become connections?", .of_all = check_delivery },
	{ .question = "Is every interface that a rule is for attached?", .of_all = check_coverage },
	{ .question = "Can every rule match?", .of_all = check_rules },
	{ .question = "Is the policy the file that was applied?", .of_all = check_drift },
};

static void run(struct checkup *c, const struct check *check)
{
	for (size_t i = 0; i < c->n && check->of_iface; i++)
		if (checkup_includes(c, &c->ifaces[i]) && c->ifaces[i].there)
			check->of_iface(c, &c->ifaces[i]);
	if (check->of_all)
		check->of_all(c);
}

void checks_run(struct checkup *c, const char *ifname)
{
	c->ifname = ifname;
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		run(c, &checks[i]);
}
