/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/background.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/log.h"
#include "lib/notify.h"
#include "lib/util.h"

/* Before there are threads; the filter of system calls forbids to open them later. */
static int caller_fd = -1; /* hung up: the caller is gone */
static int null_fd = -1;

/* The status of a command whose relay has ended before it was ready. */
static int status_of(pid_t relay)
{
	int status;

	while (waitpid(relay, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	if (WIFEXITED(status))
		return WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
	log_error("the relay was killed by signal %d before it was ready (see its log)",
		  WTERMSIG(status));
	return 1;
}

static void __attribute__((noreturn)) wait_for(pid_t relay, int fd)
{
	char ready;
	ssize_t n;

	do {
		n = recv(fd, &ready, sizeof(ready), 0);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(status_of(relay));
	notify_ready_for(relay);
	_exit(0);
}

int background_enter(void)
{
	__cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int pair[2];
	pid_t pid;

	if (null < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (pid > 0) {
		close(pair[1]);
		wait_for(pid, pair[0]);
	}
	if (pid < 0) {
		int err = -errno;

		close(pair[0]);
		close(pair[1]);
		return err;
	}
	close(pair[0]);
	setsid();
	dup3(null, STDIN_FILENO, 0);
	caller_fd = pair[1];
	null_fd = take_fd(&null);
	return 0;
}

static void leave(bool keep_stdout)
{
	dup3(null_fd, STDERR_FILENO, 0);
	if (!keep_stdout)
		dup3(null_fd, STDOUT_FILENO, 0);
	close(null_fd);
	null_fd = -1;
}

void background_ready(bool keep_stdout)
{
	if (caller_fd < 0)
		return;
	leave(keep_stdout);
	send(caller_fd, "", 1, MSG_NOSIGNAL);
	close(caller_fd);
	caller_fd = -1;
}

void background_leave_output(void)
{
	if (caller_fd < 0)
		return;
	leave(false);
	close(caller_fd);
	caller_fd = -1;
}

bool background_is_entered(void)
{
	return caller_fd >= 0;
}
