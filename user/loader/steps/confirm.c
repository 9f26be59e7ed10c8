/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/confirm.h"
#include "loader/steps/own/own_alone.h"

#include <string.h>

#include "kernel/events/report.h"
#include "kernel/maps/confirm_deadline.h"
#include "kernel/maps/generation.h"
#include "loader/steps/answers.h"

static int disarm(struct session *session, __u32 fell_back)
{
	const struct confirm_deadline none = { .fell_back = fell_back };
	int err = confirm_deadline_write(&session->state, &none);

	if (err)
		log_error("%s: cannot write the deadline: %s", session->state.dir, strerror(-err));
	return err;
}

int confirm_end(struct session *session)
{
	return disarm(session, 0);
}

void confirm_settle(struct session *session)
{
	struct state *state = &session->state;
	struct confirm_deadline deadline;
	int err = confirm_deadline_read(state, &deadline);

	if (err) {
		log_error("%s: cannot read the deadline: %s (tproxy-loader clean removes a broken "
			  "state)",
			  state->dir, strerror(-err));
		return;
	}
	/* A process armed it and was killed before the flip: another generation comes next. */
	if (deadline.generation && !confirm_deadline_is_armed(state, &deadline))
		confirm_end(session);
	if (!confirm_deadline_is_armed(state, &deadline) || confirm_deadline_now() < deadline.until)
		return;
	err = generation_rollback(state);
	if (err) {
		log_error("%s: generation %u was not confirmed, and the previous policy cannot be "
			  "restored: %s",
			  state->dir, deadline.generation, strerror(-err));
		return;
	}
	log_warn("%s: generation %u was not confirmed in time: the previous policy is back",
		 state->dir, deadline.generation);
	event_report_policy(state, TPROXY_EVENT_ROLLED_BACK, "not confirmed in time");
	own_leave_proxies_alone(state, NULL);
	disarm(session, deadline.generation);
	answers_settle(session);
}

int confirm_refuse(struct session *session, const char *command)
{
	struct confirm_deadline deadline;

	if (!confirm_deadline_read_armed(&session->state, &deadline))
		return 0;
	log_error("%s: generation %u waits to be confirmed (tproxy-loader confirm, or rollback)",
		  command, deadline.generation);
	return -EBUSY;
}
