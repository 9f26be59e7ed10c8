/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/registrar.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/util.h"
#include "relay/process/privs.h"

static void become_registrar(void)
{
	signal(SIGTERM, SIG_IGN); /* the relay says when to end; until then it may drain */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	privs_drop_capabilities();
	/* After the change of credentials, which clears it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "tproxy-registr");
}

int registrar_start(const char *pin_dir, const struct listener_set *set, bool join,
		    struct registrar *ret_registrar)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (pid < 0) {
		int err = -errno;

		close(pair[0]);
		close(pair[1]);
		return err;
	}
	if (!pid) {
		close(pair[0]);
		become_registrar();
		registration_run(pair[1], pin_dir, set, join);
		_exit(0);
	}
	close(pair[1]);
	*ret_registrar = (struct registrar){ .fd = pair[0], .pid = pid };
	return 0;
}

void registrar_go(const struct registrar *r)
{
	send(r->fd, "", 1, MSG_NOSIGNAL);
}

int registrar_read(const struct registrar *r, struct registrar_report *ret_report)
{
	ssize_t n = recv(r->fd, ret_report, sizeof(*ret_report), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
	if (ret_report->kind == REGISTRAR_TEXT)
		ret_report->text[sizeof(ret_report->text) - 1] = '\0';
	return n == sizeof(*ret_report);
}

void registrar_stop(struct registrar *r)
{
	if (r->fd < 0)
		return;
	/* We may not signal a process of root; it ends when this socket is closed. */
	close(r->fd);
	r->fd = -1;
	while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
