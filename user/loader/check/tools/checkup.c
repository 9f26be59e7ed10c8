/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/checkup.h"

#include <string.h>

#include "loader/steps/iface.h"

static void read_iface(struct checkup *c, struct checked_iface *iface,
		       const struct iface_entry *entry)
{
	iface->iface = *entry;
	iface->there = iface_is_there(c->session, entry, &iface->device);
	if (!iface->there)
		iface->device = (struct device){ .ifindex = (int)entry->ifindex };
}

int checkup_open(struct checkup *c, struct session *session)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err;

	*c = (struct checkup){ .session = session, .lock = COMMAND_LOCK_NONE };
	err = policy_maps_ifaces(&session->state, &ifaces, &n);
	if (!err)
		err = policy_maps_read(&session->state, &c->policy);
	if (err)
		return err;
	c->ifaces = calloc(n ? n : 1, sizeof(*c->ifaces));
	if (!c->ifaces)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		read_iface(c, &c->ifaces[c->n++], &ifaces[i]);
	return 0;
}

bool checkup_includes(const struct checkup *c, const struct checked_iface *iface)
{
	return !c->ifname || !strcmp(c->ifname, (const char *)iface->iface.value.name);
}

bool checkup_takes(const struct checkup *c, const struct checked_iface *iface, int rule)
{
	const struct tproxy_iface *value = &iface->iface.value;

	return checkup_includes(c, iface) && iface->there && (value->roles & TPROXY_ROLE_POLICY) &&
	       !(value->roles & TPROXY_ROLE_DRAINING) && (value->mask >> rule & 1);
}

bool checkup_may_probe(struct checkup *c)
{
	return c->may_probe && (c->locked || command_lock_try(&c->lock, c->session->app));
}

void checkup_close(struct checkup *c)
{
	command_lock_release(&c->lock);
	policy_free(&c->policy);
	problems_free(&c->problems);
	free(c->ifaces);
	*c = (struct checkup){ .lock = COMMAND_LOCK_NONE };
}
