/* SPDX-License-Identifier: BSD-2-Clause */
/* lo: its entry in the map of interfaces, and the program at its ingress. */
#include <string.h>

#include "kernel/events/report.h"
#include "kernel/hook/clsact.h"
#include "kernel/hook/tcx.h"
#include "loader/steps/own/own_parts.h"

static const char lo[] = "lo";

/* ---- entry -------------------------------------------------------------- */

static int write_entry(struct session *session, struct tproxy_iface *entry)
{
	int err = policy_maps_local_rules(&session->state, &entry->mask);

	if (!err)
		err = policy_maps_iface_set(&session->state, OWN_IFINDEX, entry);
	if (err)
		log_error("own traffic: cannot write the entry of lo: %s", strerror(-err));
	return err;
}

int own_entry_on(struct own_run *run, enum hook hook)
{
	struct session *session = run->session;
	struct tproxy_iface entry = { .name = "lo" };
	bool there;

	if (session->dry_run)
		return 0;
	there = !policy_maps_iface_get(&session->state, OWN_IFINDEX, &entry) &&
		(entry.roles & TPROXY_ROLE_LOCAL);
	if (there && !(entry.roles & TPROXY_ROLE_DRAINING))
		return 0;
	entry.roles |= TPROXY_ROLE_LOCAL;
	entry.roles &= ~(__u32)TPROXY_ROLE_DRAINING;
	if (hook == HOOK_CLSACT && !clsact_present(&session->nl, OWN_IFINDEX))
		entry.roles |= TPROXY_ROLE_MADE_QDISC;
	return write_entry(session, &entry);
}

int own_entry_off(struct session *session)
{
	struct tproxy_iface entry;
	int err;

	if (session->dry_run || policy_maps_iface_get(&session->state, OWN_IFINDEX, &entry))
		return 0;
	err = policy_maps_iface_del(&session->state, OWN_IFINDEX);
	if (err)
		log_error("own traffic: cannot remove the entry of lo: %s", strerror(-err));
	else
		event_report_iface(&session->state, TPROXY_EVENT_DETACHED, OWN_IFINDEX, lo);
	return err;
}

/* ---- program ------------------------------------------------------------ */

static enum hook present(struct session *session, struct hook_site *ret_site, const struct own *own)
{
	if (session->state.map[MAP_IFACES] < 0)
		return HOOK_NONE; /* a dry run without a state */
	own_site_make(ret_site, &session->nl, &session->state, own);
	return hook_present(ret_site);
}

enum hook own_lo_choose(const struct own_run *run)
{
	struct hook_site site;
	enum hook hook = run->want->hook;

	if (hook == HOOK_NONE)
		hook = present(run->session, &site, NULL);
	if (hook == HOOK_NONE)
		hook = tcx_supported() ? HOOK_TCX : HOOK_CLSACT;
	return hook;
}

static int detach(struct session *session, const struct hook_site *site, enum hook hook)
{
	int err;

	if (hook != HOOK_NONE)
		log_step("%s: detach own_lo from lo", hook_names[hook]);
	if (session->dry_run)
		return 0;
	err = hook_detach(site, hook);
	if (err)
		log_error("lo: cannot detach own_lo: %s", strerror(-err));
	return err;
}

int own_lo_on(struct own_run *run, enum hook hook)
{
	const struct hook_place place = { .priority = 1 };
	struct hook_site site;
	enum hook was = present(run->session, &site, &run->own);
	int err;

	if (was == hook && !(run->changed & OWN_PART_PROGRAMS))
		return 0;
	log_step("%s: attach own_lo to lo, first", hook_names[hook]);
	run->changed |= OWN_PART_LO;
	if (run->session->dry_run)
		return 0;
	err = hook_attach(&site, hook, &place);
	if (err) {
		log_error("lo: cannot attach own_lo by %s: %s (try --hook %s)", hook_names[hook],
			  strerror(-err),
			  hook == HOOK_TCX ? hook_names[HOOK_CLSACT] : hook_names[HOOK_TCX]);
		return err;
	}
	event_report_iface(&run->session->state, TPROXY_EVENT_ATTACHED, OWN_IFINDEX, lo);
	return was != HOOK_NONE && was != hook ? detach(run->session, &site, was) : 0;
}

static int qdisc_off(struct session *session)
{
	struct tproxy_iface entry;
	int err;

	if (policy_maps_iface_get(&session->state, OWN_IFINDEX, &entry) ||
	    !(entry.roles & TPROXY_ROLE_MADE_QDISC) || !clsact_present(&session->nl, OWN_IFINDEX))
		return 0;
	log_step("clsact: remove the qdisc from lo if no other filter uses it");
	err = session->dry_run ? 0 : clsact_remove_if_empty(&session->nl, OWN_IFINDEX);
	if (err)
		log_error("lo: cannot remove the clsact qdisc: %s", strerror(-err));
	return err;
}

/* An interrupted change leaves both hooks; the last turn removes the pin of a dead link. */
int own_lo_off(struct session *session)
{
	struct hook_site site;
	enum hook hook;
	int err;

	do {
		hook = present(session, &site, NULL);
		err = detach(session, &site, hook);
	} while (!err && hook != HOOK_NONE && !session->dry_run);
	return err ? err : qdisc_off(session);
}
