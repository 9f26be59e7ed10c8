/* SPDX-License-Identifier: BSD-2-Clause */
/* Does a packet that a rule takes reach a listener? One probe for each rule, interface and class. */
#include <string.h>

#include "loader/check/list.h"
#include "loader/check/tools/listening.h"
#include "loader/check/tools/rule_probe.h"
#include "loader/steps/routing/steps_route.h"

/* Each takes some 50 ms. */
#define MAX_PROBES 128

struct probing {
	struct checkup *c;
	struct simulation simulation;
	size_t left_out;
};

static void probe(struct probing *p, const struct checked_iface *iface, int rule,
		  enum tproxy_class cls)
{
	struct checkup *c = p->c;
	struct rule_probe *probe;

	if (c->n_rule_probes >= MAX_PROBES ||
	    array_room((void **)&c->rule_probes, c->n_rule_probes, &c->rule_probes_room,
		       sizeof(*c->rule_probes))) {
		p->left_out++;
		return;
	}
	probe = &c->rule_probes[c->n_rule_probes++];
	*probe = (struct rule_probe){ .rule = rule, .iface = iface, .cls = cls };
	rule_probe_run(c, &p->simulation, probe);
}

static void probe_rule(struct probing *p, const struct checked_iface *iface, int rule)
{
	__u8 wanted = listening_wanted(&p->c->policy.rules[rule]);

	if (!steps_family_wanted(AF_INET6, iface->device.name))
		wanted &= (__u8)~PROBLEM_IPV6;
	for (enum tproxy_class cls = 0; cls < TPROXY_CLASS_MAX; cls++)
		if (wanted >> cls & 1)
			probe(p, iface, rule, cls);
}

static void probe_all(struct probing *p)
{
	struct checkup *c = p->c;

	for (int rule = 0; rule < TPROXY_MAX_RULES; rule++)
		for (size_t i = 0; i < c->n && rule_is_proxy(&c->policy.rules[rule]); i++)
			if (checkup_takes(c, &c->ifaces[i], rule))
				probe_rule(p, &c->ifaces[i], rule);
}

static void sum_up(struct probing *p)
{
	static const char *const why[RULE_PROBE_MAX] = {
		[RULE_PROBE_UNSENT] = "could not be sent (-v shows why)",
		[RULE_PROBE_NO_CLIENT] = "not sent: no address of a client is known there",
		[RULE_PROBE_NO_FLOW] = "not sent: the rule takes none of the flows that were tried",
	};
	unsigned int n[RULE_PROBE_MAX] = { 0 };

	for (size_t i = 0; i < p->c->n_rule_probes; i++)
		n[p->c->rule_probes[i].result]++;
	if (n[RULE_PROBE_ARRIVES])
		checkup_evidence(p->c, "%u arrive", n[RULE_PROBE_ARRIVES]);
	for (int result = 0; result < RULE_PROBE_MAX; result++)
		if (n[result] && why[result])
			checkup_unchecked(p->c, "%u %s", n[result], why[result]);
	if (p->left_out)
		checkup_unchecked(p->c, "%zu more not sent", p->left_out);
}

void check_rule_probes(struct checkup *c)
{
	struct probing p = { .c = c, .simulation = SIMULATE_CLOSED };
	int err;

	if (!checkup_may_probe(c)) {
		checkup_unchecked(c, "no probe was sent: another command holds the lock");
		return;
	}
	err = simulate_open(&p.simulation, &c->session->state);
	if (err) {
		checkup_unchecked(c, "the programs cannot be loaded: %s", strerror(-err));
		return;
	}
	probe_all(&p);
	simulate_close(&p.simulation);
	sum_up(&p);
}
