/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/checkup.h"

#include <stdarg.h>
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

static void read_own(struct checkup *c, const struct iface_entry *entry)
{
	c->own = entry->value;
	c->lo.iface = *entry;
	c->lo.there = !device_by_index(&c->session->nl, (int)entry->ifindex, &c->lo.device);
}

void checkup_open_unattached(struct checkup *c, struct session *session)
{
	*c = (struct checkup){ .session = session, .lock = COMMAND_LOCK_NONE };
}

int checkup_open(struct checkup *c, struct session *session)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err;

	checkup_open_unattached(c, session);
	c->attached = true;
	err = policy_maps_ifaces(&session->state, &ifaces, &n);
	if (!err)
		err = policy_maps_read(&session->state, &c->policy);
	if (err)
		return err;
	c->ifaces = calloc(n ? n : 1, sizeof(*c->ifaces));
	if (!c->ifaces)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (ifaces[i].value.roles & TPROXY_ROLE_LOCAL)
			read_own(c, &ifaces[i]);
		else
			read_iface(c, &c->ifaces[c->n++], &ifaces[i]);
	return 0;
}

void checkup_begin(struct checkup *c)
{
	*c->evidence = '\0';
	c->unchecked = false;
}

static void append(struct checkup *c, const char *fmt, va_list args)
{
	size_t len = strlen(c->evidence);

	if (len)
		len += (size_t)snprintf(c->evidence + len, sizeof(c->evidence) - len, ", ");
	if (len < sizeof(c->evidence))
		vsnprintf(c->evidence + len, sizeof(c->evidence) - len, fmt, args);
}

void checkup_evidence(struct checkup *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	append(c, fmt, args);
	va_end(args);
}

void checkup_unchecked(struct checkup *c, const char *fmt, ...)
{
	va_list args;

	c->unchecked = true;
	va_start(args, fmt);
	append(c, fmt, args);
	va_end(args);
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

bool checkup_takes_own(const struct checkup *c, const struct checked_iface *iface, int rule)
{
	return iface && iface == checkup_own(c) && (iface->iface.value.mask >> rule & 1);
}

const struct checked_iface *checkup_own(const struct checkup *c)
{
	return (c->own.roles & TPROXY_ROLE_LOCAL) && checkup_includes(c, &c->lo) ? &c->lo : NULL;
}

const char *checkup_attached_word(const struct checkup *c, char buf[SHELL_WORD_LEN])
{
	for (size_t i = 0; i < c->n; i++)
		if (c->ifaces[i].there)
			return shell_word(c->ifaces[i].device.name, buf);
	return c->own.roles & TPROXY_ROLE_LOCAL ? "--local" : "IF";
}

bool checkup_explains(const struct checkup *c, const struct checked_iface *iface, const char *rule,
		      __u8 classes)
{
	const char *ifname = (const char *)iface->iface.value.name;

	if (iface->there && !(iface->device.flags & IFF_UP))
		return true; /* device-down: only degraded, as it may be meant so */
	for (size_t i = 0; i < c->problems.n; i++) {
		const struct problem *p = &c->problems.items[i];

		if (p->verdict == VERDICT_BROKEN && (!*p->ifname || !strcmp(p->ifname, ifname)) &&
		    (!*p->rule || !strcmp(p->rule, rule)) &&
		    (!p->classes || (p->classes & classes)))
			return true;
	}
	return false;
}

bool checkup_may_probe(struct checkup *c)
{
	return c->may_probe && (c->locked || command_lock_try(&c->lock, c->session->app));
}

void checkup_close(struct checkup *c)
{
	command_lock_release(&c->lock);
	policy_free(&c->policy);
	if (c->firewall)
		firewall_free(c->firewall);
	free(c->firewall);
	problems_free(&c->problems);
	free(c->ifaces);
	free(c->rule_probes);
	free(c->asked);
	*c = (struct checkup){ .lock = COMMAND_LOCK_NONE };
}
