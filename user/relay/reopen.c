/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/reopen.h"

#include <poll.h>
#include <string.h>

#include "lib/log.h"
#include "lib/util.h"
#include "relay/log/record.h"
#include "relay/log/sink.h"

/* A full pipe must not stop us. */
static bool stderr_takes_text(void)
{
	struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&fd, 1, 0) == 1 && fd.revents == POLLOUT;
}

/* Also to standard error: the old file may be deleted, and nobody would ever read it there. */
static void say_failure(const struct options *o, const char *why)
{
	record_say(RECORD_WARN,
		   "log file %s: cannot be opened again: %s (the old one stays in use; correct "
		   "the path or its permissions and send SIGUSR1)",
		   o->log_file, why);
	if (stderr_takes_text())
		log_warn("log file %s: cannot be opened again: %s (the old one stays in use)",
			 o->log_file, why);
}

void reopen_ask(const struct options *o, const struct registrar *r)
{
	int err;

	if (!o->log_file[0]) {
		record_say(RECORD_DEBUG, "the log goes to standard output, which stays");
		return;
	}
	err = registrar_ask_log(r);
	if (err == -EPIPE)
		say_failure(o, "the helper process has ended");
	else if (err)
		say_failure(o, strerror(-err));
}

void reopen_take(const struct options *o, struct registrar_report *report)
{
	if (report->fd < 0) {
		say_failure(o, strerror(report->err ? report->err : EMFILE));
		return;
	}
	sink_replace(take_fd(&report->fd));
	record_say(RECORD_INFO, "log file %s: opened again", o->log_file);
}
