/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/probation.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>

#include "lib/generation.h"

#define LOOK_NS 1000000000ULL

int probation_end(struct session *session, __u32 fell_back)
{
	const struct pending none = { .fell_back = fell_back };
	int err = pending_write(&session->state, &none);

	if (err)
		log_error("%s: cannot write the deadline: %s", session->state.dir, strerror(-err));
	return err;
}

void probation_settle(struct session *session)
{
	struct state *state = &session->state;
	struct pending pending;
	int err = pending_read(state, &pending);

	if (err) {
		log_error("%s: cannot read the deadline: %s (tproxy-loader clean removes a broken "
			  "state)",
			  state->dir, strerror(-err));
		return;
	}
	/* Armed by somebody who was killed before the flip: the next generation is another one. */
	if (pending.generation && !pending_is_armed(state, &pending))
		probation_end(session, 0);
	if (!pending_is_armed(state, &pending) || pending_now() < pending.deadline)
		return;
	err = generation_rollback(state);
	if (err) {
		log_error("%s: generation %u was not confirmed, and the way back is blocked: %s",
			  state->dir, pending.generation, strerror(-err));
		return;
	}
	log_warn("%s: generation %u was not confirmed in time: the policy before it is back",
		 state->dir, pending.generation);
	probation_end(session, pending.generation);
}

int probation_refuse(struct session *session, const char *command)
{
	struct pending pending;

	if (pending_read(&session->state, &pending) || !pending_is_armed(&session->state, &pending))
		return 0;
	log_error("%s: generation %u waits to be confirmed (tproxy-loader confirm, or rollback)",
		  command, pending.generation);
	return -EBUSY;
}

/* ---- the process that waits ----------------------------------------------- */

static void sleep_ns(__u64 ns)
{
	const struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000),
				     .tv_nsec = (long)(ns % 1000000000) };

	nanosleep(&ts, NULL);
}

/* Is it still this generation that the pin speaks of? Without the lock: only a look. */
static bool still_armed(const struct app *app, __u32 generation, __u64 *ret_deadline)
{
	struct state state __cleanup_state = STATE_CLOSED;
	char why[PINDIR_WHY_LEN];
	struct pending pending;

	if (state_enter(&state, app->pin_dir, why) || pending_read(&state, &pending) ||
	    pending.generation != generation)
		return false;
	*ret_deadline = pending.deadline;
	return true;
}

static void guard(struct app *app, __u32 generation)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	__u64 deadline, now;

	for (;;) {
		if (!still_armed(app, generation, &deadline))
			return;
		now = pending_now();
		if (now >= deadline)
			break;
		sleep_ns(deadline - now < LOOK_NS ? deadline - now : LOOK_NS);
	}
	if (session_open(&session, app, SESSION_WRITE))
		syslog(LOG_ERR, "%s: generation %u was not confirmed, and cannot be left",
		       app->pin_dir, generation);
	else
		syslog(LOG_WARNING, "%s: generation %u was not confirmed in time", app->pin_dir,
		       generation);
}

/*
 * Signals stay held back as the session did: the end of a login session asks all its
 * processes to end, and that is when this one is needed.
 */
static void become_guard(struct app *app, __u32 generation)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	close_range(3, ~0U, 0);
	if (chdir("/"))
		_exit(1);
	prctl(PR_SET_NAME, "tproxy-guard");
	openlog("tproxy-loader", 0, LOG_DAEMON);
	guard(app, generation);
	_exit(0);
}

static int start_guard(struct app *app, __u32 generation)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return -errno;
	if (!child) {
		/* Not a child of ours, not in our session: nothing that ends us ends it. */
		pid_t grandchild = setsid() < 0 ? -1 : fork();

		if (!grandchild)
			become_guard(app, generation);
		_exit(grandchild < 0);
	}
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EAGAIN;
}

void probation_resume(struct session *session)
{
	struct pending pending;
	int err = pending_read(&session->state, &pending);

	if (err || !pending_is_armed(&session->state, &pending))
		return;
	err = start_guard(session->app, pending.generation);
	if (err)
		log_warn("generation %u waits to be confirmed, and only the next command goes back: "
			 "%s",
			 pending.generation, strerror(-err));
}

int probation_arm(struct session *session, __u32 generation, __u64 nanoseconds)
{
	const struct pending pending = { .generation = generation,
					 .deadline = pending_now() + nanoseconds };
	int err = generation_may_rollback(&session->state);

	if (!err)
		err = pending_write(&session->state, &pending);
	if (!err)
		err = start_guard(session->app, generation);
	if (err)
		log_error("cannot arm the way back: %s (%snothing was applied)", strerror(-err),
			  err == -EPERM ? "it takes CAP_SYS_ADMIN; " : "");
	return err;
}
