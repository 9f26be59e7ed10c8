/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/confirm_guard.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>

#include "kernel/maps/confirm_deadline.h"
#include "kernel/maps/generation.h"
#include "loader/app/cgroup.h"
#include "loader/steps/confirm.h"

#define LOOK_NS 1000000000ULL

static void sleep_ns(__u64 ns)
{
	const struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000),
				     .tv_nsec = (long)(ns % 1000000000) };

	nanosleep(&ts, NULL);
}

/* The error says nothing about the state: the next try may succeed. */
static bool is_shortage(int err)
{
	return err == -ENOMEM || err == -EMFILE || err == -ENFILE || err == -EINTR;
}

/*
 * Does the pin still name this generation? Reads it without the lock. *ret_until stays as it is if
 * the pin cannot be read.
 */
static bool still_armed(const struct app *app, __u32 generation, __u64 *ret_until)
{
	struct state state __cleanup_state = STATE_CLOSED;
	char why[PINDIR_WHY_LEN];
	struct confirm_deadline deadline;
	int err;

	err = state_enter(&state, app->pin_dir, why);
	if (!err)
		err = confirm_deadline_read(&state, &deadline);
	if (err || deadline.generation != generation)
		return is_shortage(err);
	*ret_until = deadline.until;
	return true;
}

/* False: it was confirmed, or replaced. */
static bool wait_for_deadline(const struct app *app, __u32 generation)
{
	__u64 until = ~0ULL, now;

	while (still_armed(app, generation, &until)) {
		now = confirm_deadline_now();
		if (now >= until)
			return true;
		sleep_ns(until - now < LOOK_NS ? until - now : LOOK_NS);
	}
	return false;
}

/* Fails while another process holds the lock. The pin shows the result. */
static void try_to_restore(struct app *app)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	char what[PINDIR_WHY_LEN];

	if (!session_lock(&session, app) && !state_open(&session.state, app->pin_dir, what) &&
	    !generation_repair_pins(&session.state) && !nl_open(&session.nl))
		confirm_settle(&session);
}

static void guard(struct app *app, __u32 generation)
{
	bool reported = false;

	while (wait_for_deadline(app, generation)) {
		__u64 until;

		try_to_restore(app);
		if (!still_armed(app, generation, &until)) {
			syslog(LOG_WARNING, "%s: generation %u was not confirmed in time",
			       app->pin_dir, generation);
			return;
		}
		if (!reported)
			syslog(LOG_ERR,
			       "%s: generation %u was not confirmed, and the previous policy "
			       "cannot be restored yet (is another loader stuck? trying again "
			       "every second)",
			       app->pin_dir, generation);
		reported = true;
		sleep_ns(LOOK_NS);
	}
}

/* The end of a login session ends all its processes; then this one is needed most. */
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

	/* Generations of several states may have the same number. */
	snprintf(scope, sizeof(scope), "tproxy-guard-%u-%d.scope", generation, (int)getpid());
	err = cgroup_leave(scope);
	if (err)
		log_warn("the process that restores the policy cannot leave its control group: %s "
			 "(if a logout ends it, watch or any later command restores the policy)",
			 strerror(-err));
}

/*
 * ready: closed when the logout of this session can no longer reach the process. The lock, which
 * the fork has inherited, is closed.
 */
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

/* Returns when a logout can no longer reach the process. */
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
	/* Neither our child nor in our session: a signal that ends us does not end it. */
	if (!child)
		_exit(fork_guard(app, generation) < 0);
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EAGAIN;
}

void confirm_guard_resume(struct session *session)
{
	struct confirm_deadline deadline;
	int err;

	if (!confirm_deadline_read_armed(&session->state, &deadline))
		return;
	err = start_guard(session->app, deadline.generation);
	if (err)
		log_warn("generation %u waits to be confirmed, and only watch or the next command "
			 "restores the previous policy: %s",
			 deadline.generation, strerror(-err));
}

int confirm_guard_arm(struct session *session, __u32 generation, __u64 nanoseconds)
{
	const struct confirm_deadline deadline = { .generation = generation,
						   .until = confirm_deadline_now() + nanoseconds };
	int err = generation_may_rollback(&session->state);

	if (!err)
		err = confirm_deadline_write(&session->state, &deadline);
	if (!err)
		err = start_guard(session->app, generation);
	if (err)
		log_error("cannot prepare the return to the previous policy: %s (%snothing was "
			  "applied)",
			  strerror(-err), err == -EPERM ? "CAP_SYS_ADMIN is needed; " : "");
	return err;
}
