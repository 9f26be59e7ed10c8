/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/answers.h"

#include <string.h>

static void make_site(struct session *session, int ifindex, struct hook_site *ret_site)
{
	hook_site_make_egress(ret_site, &session->nl, ifindex, &session->state, NULL);
}

enum hook answers_present(struct session *session, int ifindex)
{
	struct hook_site site;

	if (session->state.map[MAP_IFACES] < 0)
		return HOOK_NONE; /* a dry run without a state */
	make_site(session, ifindex, &site);
	return hook_present(&site);
}

/* The rules of the live policy that audit. */
static tproxy_mask live_audits(const struct session *session)
{
	struct policy policy __cleanup_policy = { 0 };

	if (session->state.map[MAP_RULES] < 0 || policy_maps_read_rules(&session->state, &policy))
		return 0;
	return policy_audits(&policy);
}

static bool concerns(const struct tproxy_iface *entry, tproxy_mask audits)
{
	return (entry->roles & TPROXY_ROLE_POLICY) && (entry->mask & audits);
}

bool answers_wanted(struct session *session, const struct tproxy_iface *entry)
{
	return concerns(entry, live_audits(session));
}

static int attach(struct session *session, int ifindex, const char *name, enum hook hook)
{
	const struct hook_place first = { .priority = 1 };
	struct hook_site site;
	int err;

	log_step("%s: attach tproxy_egress to %s, for the answers to audited flows",
		 hook_names[hook], name);
	if (session->dry_run)
		return 0;
	make_site(session, ifindex, &site);
	err = site.prog_fd < 0 ? -EPROTO : hook_attach(&site, hook, &first);
	if (err)
		log_error("%s: cannot attach tproxy_egress by %s: %s (%s)", name, hook_names[hook],
			  strerror(-err),
			  err == -EPROTO ? "tproxy-loader attach IF replaces the programs of an "
					   "older build" :
					   "answers to audited flows are not counted");
	return err;
}

static int detach(struct session *session, int ifindex, const char *name, enum hook hook)
{
	struct hook_site site;
	int err;

	make_site(session, ifindex, &site);
	if (hook != HOOK_NONE)
		log_step("%s: detach tproxy_egress from %s", hook_names[hook], name);
	if (session->dry_run)
		return 0;
	err = hook_detach(&site, hook);
	if (err)
		log_error("%s: cannot detach tproxy_egress: %s", name, strerror(-err));
	return err;
}

/* An interrupted change leaves both hooks; the last turn removes the pin of a dead link. */
int answers_off(struct session *session, int ifindex, const char *name)
{
	enum hook hook;
	int err;

	do {
		hook = answers_present(session, ifindex);
		err = detach(session, ifindex, name, hook);
	} while (!err && hook != HOOK_NONE && !session->dry_run);
	return err;
}

static int turn_on(struct session *session, int ifindex, const char *name, enum hook hook)
{
	enum hook present = answers_present(session, ifindex);
	int err = present == hook ? 0 : attach(session, ifindex, name, hook);

	if (!err && present != HOOK_NONE && present != hook)
		err = detach(session, ifindex, name, present);
	return err;
}

int answers_on_iface(struct session *session, const struct device *device, enum hook hook)
{
	struct tproxy_iface entry;

	if (session->dry_run ||
	    policy_maps_iface_get(&session->state, (__u32)device->ifindex, &entry))
		return 0;
	if (answers_wanted(session, &entry))
		return turn_on(session, device->ifindex, device->name, hook);
	return answers_off(session, device->ifindex, device->name);
}

/* Where our program for packets that enter is missing, there is nothing to audit. */
static int settle_iface(struct session *session, const struct iface_entry *iface, bool wanted,
			bool may_remove)
{
	const char *name = (const char *)iface->value.name;
	enum hook hook = steps_hook_present(session, (int)iface->ifindex);

	if (wanted && hook != HOOK_NONE)
		return turn_on(session, (int)iface->ifindex, name, hook);
	return may_remove ? answers_off(session, (int)iface->ifindex, name) : 0;
}

/* next: the policy that is about to go live, or NULL. */
static int walk(struct session *session, const struct policy *next)
{
	const tproxy_mask audits = next ? policy_audits(next) : live_audits(session);
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err = 0;

	if (session->state.map[MAP_IFACES] >= 0)
		err = policy_maps_ifaces(&session->state, &ifaces, &n);
	for (size_t i = 0; i < n; i++) {
		const char *name = (const char *)ifaces[i].value.name;
		struct tproxy_iface entry = ifaces[i].value;

		if (entry.roles & TPROXY_ROLE_LOCAL)
			continue;
		if (next)
			entry.mask = policy_rules_on(next, name);
		err = first_error(
			err, settle_iface(session, &ifaces[i], concerns(&entry, audits), !next));
	}
	return err;
}

int answers_prepare(struct session *session, const struct policy *policy)
{
	return policy_audits(policy) ? walk(session, policy) : 0;
}

int answers_settle(struct session *session)
{
	return walk(session, NULL);
}
