/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/edit/edit.h"
#include "loader/steps/own/own_alone.h"

#include <string.h>

#include "kernel/events/report.h"
#include "kernel/maps/figures.h"
#include "kernel/maps/generation.h"
#include "loader/steps/answers.h"
#include "loader/steps/confirm.h"
#include "loader/steps/confirm_guard.h"
#include "loader/steps/learn.h"
#include "loader/steps/session_open.h"

static int write_in_place(struct state *state, const struct policy *before,
			  const struct policy *after)
{
	int err = policy_maps_change(state, before, after);

	if (!err)
		return figures_move(state, before, after);
	policy_maps_change(state, after, before);
	return err;
}

static int write_policy(const struct edit *edit, struct state *state, const struct policy *before,
			const struct policy *after)
{
	const struct generation_plan plan = { .from = before, .to = after };
	int err = edit->renumbers ? generation_replace(state, &plan) :
				    write_in_place(state, before, after);

	if (!err) {
		event_report_policy(state, TPROXY_EVENT_POLICY, edit->app->command);
		own_leave_proxies_alone(state, NULL);
		return EXIT_DONE;
	}
	if (err == -EOPNOTSUPP)
		log_error("%s: an older build made it, which knows no own traffic (tproxy-loader "
			  "attach IF replaces its programs; the old rules remain)",
			  state->dir);
	else
		log_error("%s: cannot write the maps: %s (%s)", state->dir, strerror(-err),
			  err == -ENOSPC || err == -E2BIG ? "a map is full; the old rules remain" :
							    "the old rules remain");
	return EXIT_FAILED;
}

/* The answers to an audited flow are counted from its first packet. */
static int write_with_answers(const struct edit *edit, struct session *session,
			      const struct policy *before, const struct policy *after)
{
	int code, err = answers_prepare(session, after);

	code = err ? EXIT_FAILED : write_policy(edit, &session->state, before, after);
	return answers_settle(session) ? EXIT_FAILED : code;
}

static int run_open(const struct edit *edit, struct session *session)
{
	struct state *state = &session->state;
	struct policy before __cleanup_policy = { 0 };
	struct policy after __cleanup_policy = { 0 };
	int err = policy_maps_read(state, &before);

	if (!err)
		err = policy_copy(&before, &after);
	if (err) {
		log_error("%s: cannot read the policy: %s", state->dir, strerror(-err));
		return EXIT_FAILED;
	}
	if (edit->renumbers && confirm_refuse(session, "rule"))
		return EXIT_FAILED;
	if (edit->change(&after, edit->arg))
		return EXIT_FAILED;
	if (!edit->show_bpftool) {
		const struct learn learn = { .before = &before,
					     .after = &after,
					     .seconds = edit->learn };

		learn_flows(session, &learn);
		return write_with_answers(edit, session, &before, &after);
	}
	err = policy_maps_print_bpftool(state, &before, &after, stdout);
	if (!err)
		return EXIT_DONE;
	log_error("rules: cannot compile them: %s", strerror(-err));
	return EXIT_FAILED;
}

int edit_run(const struct edit *edit)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	int code;

	if (!app_enter(edit->app))
		return EXIT_FAILED;
	session.dry_run = edit->show_bpftool;
	code = session_open_to_write(&session, edit->app);
	return code ? code : run_open(edit, &session);
}
