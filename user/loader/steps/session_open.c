/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/session_open.h"

#include <string.h>

#include "kernel/hook/hook.h"
#include "kernel/maps/generation.h"
#include "kernel/maps/policy_maps.h"
#include "kernel/maps/policy_slots.h"
#include "kernel/watch/session.h"
#include "loader/steps/confirm.h"
#include "loader/steps/migrate.h"

static int report_open(const struct session *session, int err, const char *what)
{
	const char *dir = session->app->pin_dir;

	switch (err) {
	case -ENOENT:
		log_error("%s: tproxy is not attached (tproxy-loader attach IF, or attach --local)",
			  dir);
		return EXIT_NOT_ATTACHED;
	case -EPROTO:
		if (state_is_older(&session->state)) {
			log_error("%s: its maps have ABI %u, this loader has %u (tproxy-loader "
				  "attach IF, or watch, migrates them)",
				  dir, session->state.config.abi, TPROXY_ABI);
			break;
		}
		log_error("%s: its maps have ABI %u, this loader has %u (use the loader that made "
			  "them, or its detach --all)",
			  dir, session->state.config.abi, TPROXY_ABI);
		break;
	case -EMEDIUMTYPE:
		log_error("%s: %s is missing or not a pin of tproxy (tproxy-loader clean removes a "
			  "broken state)",
			  dir, what);
		break;
	case -EUCLEAN:
		log_error("%s", what);
		break;
	case -EACCES:
	case -EPERM:
		log_error("%s: permission denied (run as root)", dir);
		break;
	default:
		log_error("%s: cannot open %s: %s (tproxy-loader clean removes a broken state)",
			  dir, what, strerror(-err));
	}
	return EXIT_FAILED;
}

/* While we hold the lock, a stage can only be left over from an interrupted attempt. */
static int lock_to_write(struct session *session, struct app *app)
{
	int code = session_lock(session, app);

	if (!code && pindir_remove_stage(&session->lock.pins))
		log_debug("%s: removed what an interrupted attach had staged", app->pin_dir);
	return code;
}

static bool is_other_netns(const struct session *session)
{
	return session->state.config.netns != state_netns();
}

static int open_state(struct session *session, char *what)
{
	struct state *state = &session->state;
	int err = state_open(state, session->app->pin_dir, what);
	bool older = err == -EPROTO && state_is_older(state);

	if (err && !older)
		return err;
	/* Its namespace is gone with all attachments: nothing is attached. */
	if (is_other_netns(session) && hook_lookup_is_dead(state)) {
		log_debug("%s: its network namespace is gone", state->dir);
		return -ESTALE;
	}
	return err;
}

static int refuse_other_netns(const struct session *session)
{
	log_error("%s: belongs to another network namespace (use -n NAME, or another --pin-dir)",
		  session->app->pin_dir);
	return EXIT_FAILED;
}

/* A failure must not stop the command: detach, above all, works without them. */
static void refresh_local(struct session *session)
{
	int err = session->dry_run ? 0 : policy_maps_refresh_local(&session->state, &session->nl);

	if (err)
		log_warn("local addresses: cannot update the map: %s (the old ones decide which "
			 "packets are for this host)",
			 strerror(-err));
}

/* Of traces and monitors; `watch` looks each second. */
static void forget_killed(const struct session *session)
{
	const unsigned int n = session->dry_run ? 0 : watch_sessions_clean(&session->state);

	if (n)
		log_debug("%s: removed the buffers of %u killed sessions", session->state.dir, n);
}

/* An edit needs the live maps, also if an interrupted replacement left other ones pinned. */
static int settle(struct session *session)
{
	int err = generation_repair_pins(&session->state);

	if (err) {
		log_error("%s: cannot reach the live maps: %s (run as root)", session->state.dir,
			  strerror(-err));
		return EXIT_FAILED;
	}
	confirm_settle(session);
	refresh_local(session);
	forget_killed(session);
	return EXIT_DONE;
}

static int migrate(struct session *session)
{
	if (!session->dry_run)
		return migrate_state(session) ? EXIT_FAILED : EXIT_DONE;
	log_error("%s: its maps have ABI %u, and a command that changes nothing cannot migrate "
		  "them (tproxy-loader attach IF does)",
		  session->state.dir, session->state.config.abi);
	return EXIT_FAILED;
}

static int open_for_writing(struct session *session, int err)
{
	int code = EXIT_DONE;

	if (is_other_netns(session))
		return refuse_other_netns(session);
	if (err == -EPROTO)
		code = migrate(session);
	return code ? code : settle(session);
}

static int open_netlink(struct session *session)
{
	int err = nl_open(&session->nl);

	if (err)
		log_error("netlink: %s", strerror(-err));
	return err ? EXIT_FAILED : EXIT_DONE;
}

int session_try_to_read(struct session *session, struct app *app, char *ret_why)
{
	int err;

	*ret_why = '\0';
	session->app = app;
	err = nl_open(&session->nl);
	if (!err)
		err = open_state(session, ret_why);
	if (!err && is_other_netns(session))
		err = -EXDEV;
	return err ? err : policy_slots_follow(&session->state);
}

int session_open_to_read(struct session *session, struct app *app)
{
	char what[PINDIR_WHY_LEN] = "";
	int err;

	session->app = app;
	err = open_state(session, what);
	if (err)
		return report_open(session, err == -ESTALE ? -ENOENT : err, what);
	if (open_netlink(session))
		return EXIT_FAILED;
	if (is_other_netns(session))
		return refuse_other_netns(session);
	err = policy_slots_follow(&session->state);
	if (err)
		log_error("%s: cannot read the live maps: %s", session->state.dir, strerror(-err));
	return err ? EXIT_FAILED : EXIT_DONE;
}

/* A writer first migrates a state of an older ABI. */
static bool is_writable(const struct session *session, int err)
{
	return !err || (err == -EPROTO && state_is_older(&session->state));
}

int session_open_silently(struct session *session, struct app *app)
{
	const enum log_level level = log_level();
	int code;

	log_init("tproxy-loader", level >= LOG_DEBUG ? level : LOG_SILENT);
	code = session_open_to_read(session, app);
	log_init("tproxy-loader", level);
	return code;
}

int session_open_to_write(struct session *session, struct app *app)
{
	char what[PINDIR_WHY_LEN] = "";
	int err, code = lock_to_write(session, app);

	if (code)
		return code;
	err = open_state(session, what);
	if (!is_writable(session, err))
		return report_open(session, err == -ESTALE ? -ENOENT : err, what);
	code = open_netlink(session);
	return code ? code : open_for_writing(session, err);
}

int session_open_any(struct session *session, struct app *app, bool *ret_present)
{
	char what[PINDIR_WHY_LEN] = "";
	int err, code;

	code = lock_to_write(session, app);
	if (code)
		return code;
	if (open_netlink(session))
		return EXIT_FAILED;
	err = open_state(session, what);
	if (err == -ESTALE) {
		err = pindir_remove(&session->state.pins, what) ? -EBUSY : -ENOENT;
		state_forget(&session->state);
	}
	*ret_present = is_writable(session, err);
	if (*ret_present)
		return open_for_writing(session, err);
	return err == -ENOENT ? EXIT_DONE : report_open(session, err, what);
}
