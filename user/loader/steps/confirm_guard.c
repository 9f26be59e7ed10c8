/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/confirm_guard.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>

#include "kernel/maps/generation.h"
#include "loader/app/cgroup.h"

#define LOOK_NS 1000000000ULL

int confirm_guard_end(struct session *session, __u32 fell_back)
{
	const struct confirm_deadline none = { .fell_back = fell_back };
	int err = confirm_deadline_write(&session->state, &none);

	if (err)
		log_error("%s: cannot write the deadline: %s", session->state.dir, strerror(-err));
	return err;
}

void confirm_guard_settle(struct session *session)
{
	struct state *state = &session->state;
	struct confirm_deadline pending;
	int err = confirm_deadline_read(state, &pending);

	if (err) {
		log_error("%s: cannot read the deadline: %s (tproxy-loader clean removes a broken "
			  "state)",
			  state->dir, strerror(-err));
		return;
	}
	/* Armed by somebody who was killed before the flip: the next generation is another one. */
	if (pending.generation && !confirm_deadline_is_armed(state, &pending))
		confirm_guard_end(session, 0);
	if (!confirm_deadline_is_armed(state, &pending) ||
	    confirm_deadline_now() < pending.deadline)
		return;
	err = generation_rollback(state);
	if (err) {
		log_error("%s: generation %u was not confirmed, and the way back is blocked: %s",
			  state->dir, pending.generation, strerror(-err));
		return;
	}
	log_warn("%s: generation %u was not confirmed in time: the policy before it is back",
		 state->dir, pending.generation);
	confirm_guard_end(session, pending.generation);
}

int confirm_guard_refuse(struct session *session, const char *command)
{
	struct confirm_deadline pending;

	if (confirm_deadline_read(&session->state, &pending) ||
	    !confirm_deadline_is_armed(&session->state, &pending))
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

/* Nothing about the state: the next look may tell. */
static bool is_shortage(int err)
{
	return err == -ENOMEM || err == -EMFILE || err == -ENFILE || err == -EINTR;
}

/*
 * Is it still this generation that the pin speaks of? Without the lock: only a look.
 * *ret_deadline is left alone where the pin could not be read.
 */
static bool still_armed(const struct app *app, __u32 generation, __u64 *ret_deadline)
{
	struct state state __cleanup_state = STATE_CLOSED;
	char why[PINDIR_WHY_LEN];
	struct confirm_deadline pending;
	int err;

	err = state_enter(&state, app->pin_dir, why);
	if (!err)
		err = confirm_deadline_read(&state, &pending);
	if (err || pending.generation != generation)
		return is_shortage(err);
	*ret_deadline = pending.deadline;
	return true;
}

/* False: it was confirmed, or replaced. */
static bool wait_for_deadline(const struct app *app, __u32 generation)
{
	__u64 deadline = ~0ULL, now;

	while (still_armed(app, generation, &deadline)) {
		now = confirm_deadline_now();
		if (now >= deadline)
			return true;
		sleep_ns(deadline - now < LOOK_NS ? deadline - now : LOOK_NS);
	}
	return false;
}

/* Opening it goes back, see confirm_guard_settle. Somebody may hold the lock. */
static void try_to_go_back(struct app *app)
{
	struct session session __cleanup_session = SESSION_CLOSED;

	session_open(&session, app, SESSION_WRITE);
}

static void guard(struct app *app, __u32 generation)
{
	bool reported = false;

	while (wait_for_deadline(app, generation)) {
		__u64 deadline;

		try_to_go_back(app);
		if (!still_armed(app, generation, &deadline)) {
			syslog(LOG_WARNING, "%s: generation %u was not confirmed in time",
			       app->pin_dir, generation);
			return;
		}
		if (!reported)
			syslog(LOG_ERR,
			       "%s: generation %u was not confirmed, and cannot be left yet (is "
			       "another loader stuck? trying again every second)",
			       app->pin_dir, generation);
		reported = true;
		sleep_ns(LOOK_NS);
	}
}

/*
 * The end of a login session asks all its processes to end, and that is when this one is
 * needed.
 */
static void hold_all_signals(void)
{
	static const int held[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1,
				    SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		sigaddset(&set, held[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void leave_login_session(__u32 generation)
{
	char scope[64];
	int err;

	/* One number may be on probation in several states. */
	snprintf(scope, sizeof(scope), "tproxy-guard-%u-%d.scope", generation, (int)getpid());
	err = cgroup_leave(scope);
	if (err)
		log_warn("the process that goes back cannot leave its control group: %s (if a "
			 "logout ends it, watch or any later command goes back)",
			 strerror(-err));
}

/* ready: closed when it is out of reach. The lock is not to be held meanwhile. */
static void become_guard(struct app *app, __u32 generation, int ready)
{
	enum { READY = 3 };
	int null;

	dup2(ready, READY);
	close_range(READY + 1, ~0U, 0);
	hold_all_signals();
	prctl(PR_SET_NAME, "tproxy-guard");
	leave_login_session(generation);
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	close_range(READY, ~0U, 0);
	if (chdir("/"))
		_exit(1);
	openlog("tproxy-loader", 0, LOG_DAEMON);
	guard(app, generation);
	_exit(0);
}

/* Returns when it is out of reach. */
static int fork_guard(struct app *app, __u32 generation)
{
	int ready[2];
	pid_t pid;
	char byte;

	if (setsid() < 0 || pipe2(ready, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		become_guard(app, generation, ready[1]);
	close(ready[1]);
	while (read(ready[0], &byte, 1) < 0 && errno == EINTR)
		;
	return 0;
}

static int start_guard(struct app *app, __u32 generation)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return -errno;
	/* Not a child of ours, not in our session: nothing that ends us ends it. */
	if (!child)
		_exit(fork_guard(app, generation) < 0);
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EAGAIN;
}

void confirm_guard_resume(struct session *session)
{
	struct confirm_deadline pending;
	int err = confirm_deadline_read(&session->state, &pending);

	if (err || !confirm_deadline_is_armed(&session->state, &pending))
		return;
	err = start_guard(session->app, pending.generation);
	if (err)
		log_warn(
			"generation %u waits to be confirmed, and only the next command goes back: "
			"%s",
			pending.generation, strerror(-err));
}

int confirm_guard_arm(struct session *session, __u32 generation, __u64 nanoseconds)
{
	const struct confirm_deadline pending = { .generation = generation,
						  .deadline =
							  confirm_deadline_now() + nanoseconds };
	int err = generation_may_rollback(&session->state);

	if (!err)
		err = confirm_deadline_write(&session->state, &pending);
	if (!err)
		err = start_guard(session->app, generation);
	if (err)
		log_error("cannot arm the way back: %s (%snothing was applied)", strerror(-err),
			  err == -EPERM ? "it takes CAP_SYS_ADMIN; " : "");
	return err;
}
