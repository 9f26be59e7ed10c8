/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps.h"

#include <string.h>

/* ---- state ---------------------------------------------------------------- */

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

static int replace_on_ifaces(const struct state *state, const struct state *to)
{
	__cleanup_free struct live_iface *ifaces = NULL;
	char path[STATE_PATH_LEN];
	size_t n = 0;
	int err = live_ifaces(state, &ifaces, &n);

	for (size_t i = 0; i < n && !err; i++) {
		int ifindex = (int)ifaces[i].ifindex;
		enum hook hook;

		state_link_path(state, ifindex, path);
		hook = hook_present(ifindex, path);
		if (hook != HOOK_NONE)
			err = hook_attach(hook, ifindex, to->prog[PROG_INGRESS], path);
	}
	return err;
}

int steps_move_programs(const struct state *state, const struct state *to)
{
	char path[STATE_PATH_LEN];
	int err = replace_on_ifaces(state, to);

	if (!err && hook_lookup_present(state_lookup_path(state, path)))
		err = hook_lookup_attach(to->prog[PROG_LOOKUP], path);
	return err;
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
		err = steps_move_programs(state, state);
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
	int err;

	log_step("unpin %s", dir);
	if (session->dry_run)
		return 0;
	err = statedir_remove(&session->state.pins, why);
	if (err == -EUCLEAN)
		log_error("%s", why);
	else if (err)
		log_error("%s: cannot remove all pins: %s (remove what is left by hand)", dir, why);
	return err;
}

int steps_refresh_local(struct session *session)
{
	int err;

	if (session->dry_run)
		return 0;
	err = live_refresh_local(&session->state, &session->nl);
	if (err)
		log_error("local addresses: cannot read them into the map: %s", strerror(-err));
	return err;
}

/* ---- programs ------------------------------------------------------------- */

int steps_lookup_on(struct session *session)
{
	char path[STATE_PATH_LEN];
	int err;

	if (!session->dry_run && hook_lookup_present(state_lookup_path(&session->state, path)))
		return 0;
	log_step("sk_lookup: attach tproxy_lookup to the network namespace");
	if (session->dry_run)
		return 0;
	err = hook_lookup_attach(session->state.prog[PROG_LOOKUP], path);
	if (err)
		log_error("sk_lookup: cannot attach: %s (tproxy-loader features shows what this "
			  "kernel has)",
			  strerror(-err));
	return err;
}

int steps_lookup_off(struct session *session)
{
	char path[STATE_PATH_LEN];
	int err;

	if (!hook_lookup_present(state_lookup_path(&session->state, path)))
		return 0;
	log_step("sk_lookup: detach tproxy_lookup");
	err = session->dry_run ? 0 : hook_lookup_detach(path);
	if (err)
		log_error("sk_lookup: cannot detach: %s", strerror(-err));
	return err;
}

int steps_hook_on(struct session *session, const struct device *device, enum hook hook)
{
	char path[STATE_PATH_LEN];
	int err;

	log_step("%s: attach tproxy_ingress to %s", hook_names[hook], device->name);
	if (session->dry_run)
		return 0;
	state_link_path(&session->state, device->ifindex, path);
	err = hook_attach(hook, device->ifindex, session->state.prog[PROG_INGRESS], path);
	if (err)
		log_error("%s: cannot attach by %s: %s (try --hook %s)", device->name,
			  hook_names[hook], strerror(-err),
			  hook == HOOK_TCX ? hook_names[HOOK_CLSACT] : hook_names[HOOK_TCX]);
	return err;
}

int steps_hook_off(struct session *session, int ifindex, const char *name, enum hook hook)
{
	char path[STATE_PATH_LEN];
	int err;

	/* With HOOK_NONE there may still be the pin of a link whose device is gone. */
	if (hook != HOOK_NONE)
		log_step("%s: detach tproxy_ingress from %s", hook_names[hook], name);
	if (session->dry_run)
		return 0;
	err = hook_detach(hook, ifindex, state_link_path(&session->state, ifindex, path));
	if (err)
		log_error("%s: cannot detach: %s", name, strerror(-err));
	return err;
}

int steps_qdisc_off(struct session *session, int ifindex, const char *name)
{
	int err;

	if (!hook_qdisc_present(&session->nl, ifindex))
		return 0;
	log_step("clsact: remove the qdisc from %s if nobody else uses it", name);
	err = session->dry_run ? 0 : hook_qdisc_remove_if_empty(&session->nl, ifindex);
	if (err)
		log_error("%s: cannot remove the clsact qdisc: %s", name, strerror(-err));
	return err;
}
