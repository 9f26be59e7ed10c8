/* SPDX-License-Identifier: BSD-2-Clause */
/* Which programs do packets meet before ours? What they do to packets cannot be seen. */
#include <string.h>

#include "loader/check/list.h"
#include "loader/steps/iface.h"

/* The name that --after knows it by, else its id. */
static const char *handle_of(const struct chain_program *program, char *buf, size_t size)
{
	if (!*program->name && program->id)
		snprintf(buf, size, "%u", program->id);
	else
		snprintf(buf, size, "%s", program->name);
	return buf;
}

static void add_program(struct checkup *c, const struct device *device,
			const struct chain_program *program)
{
	struct problem *p =
		problem_add(&c->problems, "earlier-program", VERDICT_DEGRADED, device->name, NULL);
	bool below = strcmp(program->device, device->name) != 0;
	char text[128], name[32];

	problem_text(p,
		     "the %s%s%s runs before ours: flows that it accepts, drops or redirects are "
		     "not intercepted",
		     chain_text(program, text, sizeof(text)), below ? " on " : "",
		     below ? program->device : "");
	problem_next(
		p,
		"tproxy-loader attach %s --after %s; if it lets packets continue, else remove it",
		device->name, handle_of(program, name, sizeof(name)));
}

void check_order(struct checkup *c, const struct checked_iface *iface)
{
	const struct device *device = &iface->device;
	struct chain chain;
	struct problem *p;

	if (!iface_chain(c->session, device, &chain))
		return; /* check_program reports it */
	for (size_t i = 0; i < chain.n; i++)
		if (!chain.items[i].acknowledged)
			add_program(c, device, &chain.items[i]);
	checkup_evidence(c, "%s: %zu before it", device->name, chain.n + chain.more);
	if (!chain.more && !chain.blind)
		return;
	p = problem_add(&c->problems, "order-unread", VERDICT_DEGRADED, device->name, NULL);
	if (chain.blind)
		problem_text(p, "the programs before ours cannot be read: %s",
			     strerror(-chain.blind));
	else
		problem_text(p, "%zu more programs run before ours than are listed", chain.more);
	problem_next(p, "bpftool net show");
}
