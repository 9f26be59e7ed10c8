/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/steps.h"

#include <string.h>

#include "kernel/hook/clsact.h"
#include "kernel/maps/policy_slots.h"
#include "loader/adopt/release.h"
#include "loader/steps/own/own.h"

/* ---- state -------------------------------------------------------------- */

static const char *load_hint(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		return "the kernel refused: lockdown, missing capabilities or the verifier; -vv "
		       "shows its log";
	case ENOMEM:
		return "not enough memory for the maps";
	case ENOSPC:
		return "no space on the bpffs";
	default:
		return "-vv shows libbpf's and the verifier's log";
	}
}

int steps_create_state(struct session *session, const struct tproxy_config *config)
{
	const char *dir = session->app->pin_dir;
	char why[PINDIR_WHY_LEN];
	int err;

	log_step("load programs, pin maps in %s", dir);
	if (session->dry_run) {
		session->state.config = *config;
		return 0;
	}
	err = state_create(&session->state, dir, config, why);
	if (err == -EUCLEAN)
		log_error("%s", why);
	else if (err)
		log_error("%s: cannot load or pin: %s (%s)", dir, strerror(-err), load_hint(err));
	return err;
}

static int replace_at(const struct hook_site *site)
{
	enum hook hook = hook_present(site);

	return hook == HOOK_NONE ? 0 : hook_attach(site, hook, NULL);
}

static int replace_on_ifaces(struct nl *nl, const struct state *state, const struct state *next)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err = policy_maps_ifaces(state, &ifaces, &n);

	for (size_t i = 0; i < n && !err; i++) {
		struct hook_site site;

		if (ifaces[i].value.roles & TPROXY_ROLE_LOCAL)
			continue; /* own_replace_build */
		hook_site_make(&site, nl, (int)ifaces[i].ifindex, state, next);
		err = replace_at(&site);
		if (err)
			break;
		hook_site_make_egress(&site, nl, (int)ifaces[i].ifindex, state, next);
		err = replace_at(&site);
	}
	return err;
}

int steps_move_programs(struct nl *nl, const struct state *state, const struct state *next)
{
	int err = replace_on_ifaces(nl, state, next);

	return err ? err : hook_lookup_move(state, next);
}

int steps_replace_build(struct session *session)
{
	struct state *state = &session->state;
	int err;

	if (state->config.build == state_build())
		return 0;
	log_step("replace the programs of another build in place");
	if (session->dry_run)
		return 0;
	err = state_reload(state);
	if (!err)
		err = policy_slots_repair_pins(state);
	if (!err)
		err = steps_move_programs(&session->nl, state, state);
	if (!err)
		err = own_replace_build(session);
	if (!err)
		err = state_publish_progs(state);
	if (err)
		log_error("%s: cannot replace the programs: %s (%s)", state->dir, strerror(-err),
			  load_hint(err));
	return err;
}

int steps_remove_state(struct session *session)
{
	const char *dir = session->app->pin_dir;
	char why[PINDIR_WHY_LEN];
	int err, released = release_everything(session); /* only the pins know what is adopted */

	log_step("unpin %s", dir);
	if (session->dry_run)
		return 0;
	err = pindir_remove(&session->state.pins, why);
	if (err == -EUCLEAN)
		log_error("%s", why);
	else if (err)
		log_error("%s: cannot remove all pins: %s (remove what is left by hand)", dir, why);
	return err ? err : released;
}

int steps_refresh_local(struct session *session)
{
	int err;

	if (session->dry_run)
		return 0;
	err = policy_maps_refresh_local(&session->state, &session->nl);
	if (err)
		log_error("local addresses: cannot read them into the map: %s", strerror(-err));
	return err;
}

/* ---- programs ----------------------------------------------------------- */

int steps_lookup_on(struct session *session)
{
	int err;

	if (!session->dry_run && hook_lookup_present(&session->state))
		return 0;
	log_step("sk_lookup: attach tproxy_lookup to the network namespace");
	if (session->dry_run)
		return 0;
	err = hook_lookup_attach(&session->state);
	if (err)
		log_error("sk_lookup: cannot attach: %s (tproxy-loader features shows what this "
			  "kernel has)",
			  strerror(-err));
	return err;
}

int steps_lookup_off(struct session *session)
{
	int err;

	if (!hook_lookup_present(&session->state))
		return 0;
	log_step("sk_lookup: detach tproxy_lookup");
	err = session->dry_run ? 0 : hook_lookup_detach(&session->state);
	if (err)
		log_error("sk_lookup: cannot detach: %s", strerror(-err));
	return err;
}

void steps_site(struct session *session, int ifindex, struct hook_site *ret_site)
{
	hook_site_make(ret_site, &session->nl, ifindex, &session->state, NULL);
}

enum hook steps_hook_present(struct session *session, int ifindex)
{
	struct hook_site site;

	if (session->state.map[MAP_IFACES] < 0)
		return HOOK_NONE; /* a dry run without a state */
	steps_site(session, ifindex, &site);
	return hook_present(&site);
}

bool steps_moved_away(struct session *session, int ifindex)
{
	struct hook_site site;

	steps_site(session, ifindex, &site);
	return hook_moved_away(&site);
}

static void show_hook_on(const struct device *device, enum hook hook,
			 const struct hook_place *place)
{
	char where[48] = "first";

	if (hook == HOOK_CLSACT)
		snprintf(where, sizeof(where), "priority %u", place->priority);
	else if (place->after)
		snprintf(where, sizeof(where), "after program %u", place->after);
	log_step("%s: attach tproxy_ingress to %s, %s", hook_names[hook], device->name, where);
}

int steps_hook_on(struct session *session, const struct device *device, enum hook hook,
		  const struct hook_place *place)
{
	struct hook_site site;
	int err;

	show_hook_on(device, hook, place);
	if (session->dry_run)
		return 0;
	steps_site(session, device->ifindex, &site);
	err = hook_attach(&site, hook, place);
	if (err)
		log_error("%s: cannot attach by %s: %s (try --hook %s)", device->name,
			  hook_names[hook], strerror(-err),
			  hook == HOOK_TCX ? hook_names[HOOK_CLSACT] : hook_names[HOOK_TCX]);
	return err;
}

int steps_hook_off(struct session *session, int ifindex, const char *name, enum hook hook)
{
	struct hook_site site;
	int err;

	steps_site(session, ifindex, &site);
	/* With HOOK_NONE there may be the pin of a link whose device is gone or has left. */
	if (hook != HOOK_NONE)
		log_step("%s: detach tproxy_ingress from %s", hook_names[hook], name);
	else if (hook_moved_away(&site))
		log_step("%s: detach tproxy_ingress from %s, in another network namespace",
			 hook_names[HOOK_TCX], name);
	if (session->dry_run)
		return 0;
	err = hook_detach(&site, hook);
	if (err)
		log_error("%s: cannot detach: %s", name, strerror(-err));
	return err;
}

int steps_qdisc_off(struct session *session, int ifindex, const char *name)
{
	int err;

	if (!clsact_present(&session->nl, ifindex))
		return 0;
	log_step("clsact: remove the qdisc from %s if no other filter uses it", name);
	err = session->dry_run ? 0 : clsact_remove_if_empty(&session->nl, ifindex);
	if (err)
		log_error("%s: cannot remove the clsact qdisc: %s", name, strerror(-err));
	return err;
}
