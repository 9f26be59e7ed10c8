/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/registrar.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/util.h"
#include "relay/log/audited.h"
#include "relay/process/background.h"
#include "relay/process/channel.h"
#include "relay/process/own_note.h"
#include "relay/process/pins.h"
#include "relay/process/privs.h"
#include "relay/process/seccomp.h"

/* A log file on a file system that hangs can keep it. The service manager kills it after us. */
#define STOP_PATIENCE_MS 2000

#define REPORTS_A_TURN 64 /* of audited flows */

static void become_registrar(const struct options *o)
{
	signal(SIGTERM, SIG_IGN); /* the relay says when to end; until then it may drain */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	privs_keep_for_helper(o->log_file[0]);
	/* Best effort, as for the capabilities. */
	if (!o->no_seccomp)
		seccomp_enter_helper();
	/*
	 * For a relay of the same user; others may not signal us. After the change of credentials,
	 * which clears it.
	 */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "tproxy-registr");
	/*
	 * Otherwise root of a container that sees our processes could take our namespaces and our
	 * listeners from this one, which has no more capabilities than it (ptrace(2)).
	 */
	prctl(PR_SET_DUMPABLE, 0);
}

/* Otherwise we would be found to serve them. */
static void leave_sockets(const struct registrar_sockets *sockets)
{
	for (size_t i = 0; i < ARRAY_SIZE(sockets->fds); i++)
		if (sockets->fds[i] >= 0)
			close(sockets->fds[i]);
}

/*
 * Before we accept a flow: the listeners may be registered already, by the relay that we take them
 * over from. The helper process tries again and reports, if this fails.
 */
static void note_relay(const struct options *o, struct own_note *note)
{
	static struct pins pins;

	pins_init(&pins, o->pin_dir);
	if (!own_note_add_self(note))
		own_note_sync(note, &pins);
}

int registrar_start(const struct options *o, struct listener_set *set,
		    const struct registrar_sockets *sockets, struct registrar *r)
{
	struct own_note note = { .n = 0 };
	int pair[2];
	pid_t pid;

	note_relay(o, &note);
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
		become_registrar(o);
		leave_sockets(sockets);
		background_leave_output();
		own_note_add_self(&note);
		registration_run(pair[1], o, set, &note);
		run_names_forget(sockets->names);
		_exit(0);
	}
	close(pair[1]);
	r->fd = pair[0];
	r->pid = pid;
	return 0;
}

static int ask(const struct registrar *r, const struct registrar_request *request)
{
	if (r->fd < 0)
		return -EPIPE;
	return channel_send(r->fd, request, sizeof(*request), -1);
}

void registrar_go(const struct registrar *r)
{
	ask(r, &(struct registrar_request){ .want = REGISTRAR_GO });
}

int registrar_ask_log(const struct registrar *r)
{
	return ask(r, &(struct registrar_request){ .want = REGISTRAR_WANT_LOG });
}

void registrar_want_begins(const struct registrar *r, bool want)
{
	ask(r, &(struct registrar_request){ .want = REGISTRAR_WANT_BEGINS, .count = want });
}

int registrar_ask_listener(const struct registrar *r, const struct listener_id *id)
{
	return ask(r, &(struct registrar_request){ .want = REGISTRAR_WANT_LISTENER, .id = *id });
}

static int read_report(const struct registrar *r, struct registrar_report *ret_report)
{
	int fd;
	ssize_t n = channel_receive(r->fd, ret_report, sizeof(*ret_report), &fd);

	if (n == -EAGAIN)
		return -EAGAIN;
	if (n != sizeof(*ret_report)) {
		cleanup_fd(&fd);
		return 0;
	}
	ret_report->fd = fd;
	if (ret_report->kind == REGISTRAR_TEXT)
		ret_report->text[sizeof(ret_report->text) - 1] = '\0';
	return 1;
}

/* If the helper does not read now, it sends the reports again later. */
static void confirm_written(struct registrar *r)
{
	if (r->written)
		ask(r, &(struct registrar_request){ .want = REGISTRAR_WROTE_AUDITED,
						    .count = r->written });
	r->written = 0;
}

int registrar_read(struct registrar *r, struct registrar_report *ret_report)
{
	int result = read_report(r, ret_report);

	while (result > 0 && ret_report->kind == REGISTRAR_AUDITED) {
		audited_record(&ret_report->audited.flow, &ret_report->audited.value,
			       ret_report->audited.ended);
		if (++r->written == REPORTS_A_TURN)
			break;
		result = read_report(r, ret_report);
	}
	confirm_written(r);
	return result;
}

void registrar_retire(struct registrar *r, bool has_log)
{
	if (!has_log || ask(r, &(struct registrar_request){ .want = REGISTRAR_WANT_LOG_ONLY }))
		registrar_stop(r);
}

void registrar_stop(struct registrar *r)
{
	uint64_t deadline = monotonic_ms() + STOP_PATIENCE_MS;

	if (r->fd < 0)
		return;
	/* We may not signal a process of root; it ends when this socket is closed. */
	close(r->fd);
	r->fd = -1;
	while (!waitpid(r->pid, NULL, WNOHANG) && monotonic_ms() < deadline)
		usleep(1000);
}
