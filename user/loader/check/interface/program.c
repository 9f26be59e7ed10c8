/* SPDX-License-Identifier: BSD-2-Clause */
/* Are our programs where packets pass? */
#include <string.h>

#include "loader/app/shell_word.h"
#include "loader/check/list.h"
#include "loader/steps/answers.h"
#include "loader/steps/steps.h"

static void check_device(struct checkup *c, const struct checked_iface *iface)
{
	const char *name = (const char *)iface->iface.value.name;
	struct device master = { 0 };
	char word[SHELL_WORD_LEN], port[SHELL_WORD_LEN];
	struct problem *p;
	int instead;
	const char *why = device_refusal(&iface->device, &instead);

	if (!why)
		return;
	if (instead && !device_by_index(&c->session->nl, instead, &master)) {
		p = problem_add(&c->problems, "enslaved", VERDICT_BROKEN, name, NULL);
		problem_text(p, "its flows are no longer intercepted: %s, %s", why, master.name);
		problem_next(p,
			     "tproxy-loader attach %s && tproxy-loader detach %s; or ip link set "
			     "%s nomaster",
			     shell_word(master.name, word), name,
			     shell_word(iface->device.name, port));
		return;
	}
	p = problem_add(&c->problems, "unfit-device", VERDICT_BROKEN, name, NULL);
	problem_text(p, "its flows are not intercepted: %s", why);
	problem_next(p,
		     "tproxy-loader detach %s; and attach the interface by which its packets reach "
		     "the IP stack",
		     name);
}

static void check_name(struct checkup *c, const struct checked_iface *iface)
{
	const char *name = (const char *)iface->iface.value.name;
	struct problem *p;

	if (!strcmp(name, iface->device.name))
		return;
	p = problem_add(&c->problems, "renamed", VERDICT_BROKEN, name, NULL);
	problem_text(p, "it is called %s now, and its routing rules still name %s",
		     iface->device.name, name);
	problem_next(p, "tproxy-loader attach %s; tproxy-loader watch does so by itself",
		     iface->device.name);
}

static void check_vrf(struct checkup *c, const struct checked_iface *iface)
{
	const char *name = (const char *)iface->iface.value.name;
	struct problem *p;

	if ((int)iface->iface.value.vrf == device_vrf(&iface->device))
		return;
	p = problem_add(&c->problems, "vrf-changed", VERDICT_BROKEN, name, NULL);
	problem_text(p, "it changed its VRF since it was attached, so that its IPv6 rule names "
			"another device");
	problem_next(p, "tproxy-loader attach %s; tproxy-loader watch does so by itself", name);
}

static void check_answers(struct checkup *c, const struct checked_iface *iface)
{
	struct problem *p;

	if (answers_present(c->session, iface->device.ifindex) != HOOK_NONE ||
	    !answers_wanted(c->session, &iface->iface.value))
		return;
	p = problem_add(&c->problems, "egress-missing", VERDICT_DEGRADED,
			(const char *)iface->iface.value.name, NULL);
	problem_text(p, "our program for packets that leave is not on it: of audited flows, what "
			"servers answer is not counted");
	problem_next(p, "tproxy-loader attach %s", iface->device.name);
}

void check_program(struct checkup *c, const struct checked_iface *iface)
{
	const char *name = (const char *)iface->iface.value.name;
	struct problem *p;
	enum hook hook;

	check_name(c, iface);
	check_device(c, iface);
	check_vrf(c, iface);
	if (!(iface->device.flags & IFF_UP)) {
		p = problem_add(&c->problems, "device-down", VERDICT_DEGRADED, name, NULL);
		problem_text(p, "it is down");
		problem_next(p, "ip link set %s up", iface->device.name);
	}
	hook = steps_hook_present(c->session, iface->device.ifindex);
	if (hook != HOOK_NONE) {
		checkup_evidence(c, "%s by %s", name, hook_names[hook]);
		check_answers(c, iface);
		return;
	}
	p = problem_add(&c->problems, "program-missing", VERDICT_BROKEN, name, NULL);
	problem_text(p, "our program is not on it: all flows pass");
	problem_next(p, "tproxy-loader attach %s", iface->device.name);
}

static void check_gone(struct checkup *c, const struct checked_iface *iface)
{
	struct problem *p;

	if (iface->there || !checkup_includes(c, iface))
		return;
	if (steps_moved_away(c->session, (int)iface->iface.ifindex)) {
		p = problem_add(&c->problems, "moved", VERDICT_DEGRADED,
				(const char *)iface->iface.value.name, NULL);
		problem_text(p, "it moved to another network namespace, where our program "
				"still meets its packets");
		problem_next(
			p,
			"tproxy-loader clean; it detaches it there, and tproxy-loader watch does "
			"so by itself");
		return;
	}
	p = problem_add(&c->problems, "device-gone", VERDICT_DEGRADED,
			(const char *)iface->iface.value.name, NULL);
	problem_text(p, "the device is gone");
	problem_next(p,
		     "tproxy-loader clean; it forgets the device. tproxy-loader watch attaches it "
		     "again when it comes back");
}

void check_programs(struct checkup *c)
{
	const struct state *state = &c->session->state;
	char word[SHELL_WORD_LEN];
	struct problem *p;

	for (size_t i = 0; i < c->n; i++)
		check_gone(c, &c->ifaces[i]);
	if (c->n && !hook_lookup_present(state)) {
		p = problem_add(&c->problems, "lookup-missing", VERDICT_BROKEN, NULL, NULL);
		problem_text(p, "the sk_lookup program is not attached: fragments, SYN cookies and "
				"pools are not served");
		problem_next(p, "tproxy-loader attach %s", checkup_attached_word(c, word));
	}
	if (c->n && state->config.build != state_build()) {
		p = problem_add(&c->problems, "other-build", VERDICT_DEGRADED, NULL, NULL);
		problem_text(p, "the attached programs are from another build than this loader");
		problem_next(p, "tproxy-loader attach %s; it replaces them without a gap",
			     checkup_attached_word(c, word));
	}
}
