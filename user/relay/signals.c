/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/util.h"

#define SIGNALS_MAX 64 /* of the kernel, SIGRTMAX may be less */
#define KERNEL_SIGSET_SIZE 8

static const int taken[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1 };

/* SIGCHLD: the default ignores it, too, but lets us wait for the child. */
static const int defaults[] = {
	SIGABRT, SIGBUS,  SIGFPE,  SIGILL,  SIGSEGV, SIGSYS,  SIGTRAP, /* something is wrong */
	SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCHLD, SIGKILL,
};

static bool is_in(int signo, const int *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == signo)
			return true;
	return false;
}

/*
 * Not by sigaction(): libc keeps signals 32 and 33 for itself, refuses to touch them, and they end
 * a process without threads. All fields but the first one, the handler, are zero.
 */
static void set_handler(int signo, void (*handler)(int))
{
	const uintptr_t action[8] = { (uintptr_t)handler };

	syscall(SYS_rt_sigaction, signo, action, NULL, KERNEL_SIGSET_SIZE);
}

static void block(const int *list, size_t n, sigset_t *ret_set)
{
	sigemptyset(ret_set);
	for (size_t i = 0; i < n; i++)
		sigaddset(ret_set, list[i]);
	sigprocmask(SIG_BLOCK, ret_set, NULL);
}

void signals_prepare(void)
{
	static const int wait[] = { SIGHUP, SIGUSR1 };
	sigset_t set;

	block(wait, ARRAY_SIZE(wait), &set);
	set_handler(SIGCHLD, SIG_DFL);
	for (int signo = 1; signo <= SIGNALS_MAX; signo++)
		if (!is_in(signo, taken, ARRAY_SIZE(taken)) &&
		    !is_in(signo, defaults, ARRAY_SIZE(defaults)))
			set_handler(signo, SIG_IGN);
}

int signals_open(void)
{
	sigset_t set;
	int fd;

	block(taken, ARRAY_SIZE(taken), &set);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int signals_read(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}
