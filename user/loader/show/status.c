/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/show/status.h"

#include <string.h>
#include <sys/socket.h>

#include "kernel/maps/older.h"
#include "loader/check/checks.h"
#include "loader/steps/iface.h"
#include "loader/steps/routing/routing.h"
#include "loader/steps/steps.h"

const struct counter_text counter_texts[TPROXY_COUNT_MAX] = {
#define X(symbol, name, meaning) [TPROXY_COUNT_##symbol] = { name, meaning },
	TPROXY_COUNTERS(X)
#undef X
};

static const char *const routing_names[ROUTING_MAX] = {
	[ROUTING_OK] = "ok",
	[ROUTING_NO_RULE] = "rule missing",
	[ROUTING_NO_ROUTE] = "route missing",
	[ROUTING_EARLIER] = "an earlier rule decides",
	[ROUTING_ABSENT] = "no such family",
};

static const char *routing_of(const struct status *s, const struct checked_iface *iface,
			      __u8 family)
{
	struct device device = iface->device;
	const char *name = (const char *)iface->iface.value.name;

	snprintf(device.name, sizeof(device.name), "%s", name);
	return routing_names[routing_state(s->checkup.session, family, &device)];
}

static void read_iface(const struct status *s, const struct checked_iface *iface,
		       struct iface_view *v)
{
	struct session *session = s->checkup.session;
	const int vrf = device_vrf(&iface->device);

	v->checked = iface;
	v->name = (const char *)iface->iface.value.name;
	v->up = iface->there && (iface->device.flags & IFF_UP);
	if (!vrf || !if_indextoname((unsigned int)vrf, v->vrf))
		v->vrf[0] = '\0';
	v->hook = iface->there ? steps_hook_present(session, iface->device.ifindex) : HOOK_NONE;
	if (v->hook != HOOK_NONE)
		iface_chain(session, &iface->device, &v->chain);
	v->routing4 = routing_of(s, iface, AF_INET);
	v->routing6 = routing_of(s, iface, AF_INET6);
}

static int read_ifaces(struct status *s)
{
	const struct checkup *c = &s->checkup;

	s->ifaces = calloc(c->n ? c->n : 1, sizeof(*s->ifaces));
	if (!s->ifaces)
		return -ENOMEM;
	for (size_t i = 0; i < c->n; i++)
		if (checkup_includes(c, &c->ifaces[i]))
			read_iface(s, &c->ifaces[i], &s->ifaces[s->n++]);
	return 0;
}

int status_read(struct status *s, struct session *session, const struct status_want *want)
{
	const struct state *state = &session->state;
	int err = checkup_open(&s->checkup, session);

	s->records = RECORDS_CLOSED;
	if (err)
		return err;
	s->checkup.may_probe = true;
	s->checkup.must_probe = s->checkup.locked = want->probe;
	checks_run(&s->checkup, want->ifname, CHECKS_QUICK);
	err = read_ifaces(s);
	own_view_read(&s->own, &s->checkup);
	if (!err)
		err = pools_read(state, &s->pools);
	if (!err)
		err = policy_maps_counters(state, s->counters);
	if (listening_open(&s->listening, state))
		log_debug("listeners cannot be listed");
	if (records_open(state, &s->records))
		log_debug("what is adopted cannot be read");
	s->older = older_count(state);
	s->lookup = hook_lookup_present(state);
	return err;
}

void status_close(struct status *s)
{
	checkup_close(&s->checkup);
	pools_free(&s->pools);
	listening_close(&s->listening);
	records_close(&s->records);
	free(s->ifaces);
}

bool status_intercepts(const struct status *s)
{
	tproxy_mask used = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (s->checkup.policy.rules[i].used &&
		    s->checkup.policy.rules[i].action != TPROXY_ACTION_PASS)
			used |= 1ULL << i;
	for (size_t i = 0; i < s->n; i++) {
		const struct tproxy_iface *value = &s->ifaces[i].checked->iface.value;

		if ((value->roles & TPROXY_ROLE_POLICY) && (value->mask & used))
			return true;
	}
	return s->pools.n > 0 || (s->own.attached && (s->checkup.own.mask & used));
}
