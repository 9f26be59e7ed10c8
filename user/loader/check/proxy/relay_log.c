/* SPDX-License-Identifier: BSD-2-Clause */
/* Does the log of the relay reach its file? */
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "loader/check/list.h"
#include "loader/check/tools/asked.h"

#define RECENT_MS 30000 /* an older loss is over */

static void report_moved(struct checkup *c, const struct asked *asked, const char *what)
{
	struct problem *p = problem_add(&c->problems, "log-moved", VERDICT_DEGRADED, NULL, NULL);
	char name[ASKED_NAME_LEN];

	problem_text(p, "%s writes its log to a file that %s: %s stays as it is",
		     asked_name(asked, name), what, asked->told.status.log_path);
	problem_next(p,
		     "kill -USR1 %d; the rotation has to do so each time (logrotate: postrotate)",
		     (int)asked->told.pid);
}

/* The path is that of the relay, which may have mounts of its own. */
static void check_file(struct checkup *c, const struct asked *asked)
{
	const struct flows_status *s = &asked->told.status;
	char path[64 + sizeof(s->log_path)];
	struct stat st;

	if (s->log_path[0] != '/' || !asked->told.pid || !s->log_inode)
		return;
	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)asked->told.pid, s->log_path);
	if (stat(path, &st)) {
		if (errno == ENOENT)
			report_moved(c, asked, "was renamed or deleted");
		else
			checkup_unchecked(c, "log file %s: %s", s->log_path, strerror(errno));
		return;
	}
	if (st.st_dev != s->log_dev || st.st_ino != s->log_inode)
		report_moved(c, asked, "was renamed or replaced");
	else
		checkup_evidence(c, "%s is the file that it writes", s->log_path);
}

static void check_loss(struct checkup *c, const struct asked *asked)
{
	const struct flows_status *s = &asked->told.status;
	char name[ASKED_NAME_LEN];
	struct problem *p;

	if (!s->log_err && (!s->lost.count || s->lost.ago_ms >= RECENT_MS))
		return;
	p = problem_add(&c->problems, "log-lost", VERDICT_DEGRADED, NULL, NULL);
	problem_text(p, "%s lost %llu lines of its log%s%s", asked_name(asked, name),
		     (unsigned long long)s->lost.count,
		     s->log_err ? ": the latest write failed: " : "",
		     s->log_err ? strerror(s->log_err) : "");
	if (s->log_err == ENOSPC || s->log_err == EDQUOT)
		problem_next(p, "free space where %s is (df %s): it then continues by itself",
			     *s->log_path ? s->log_path : "its standard output",
			     *s->log_path ? s->log_path : ".");
	else
		problem_next(p, "see that what reads the log keeps up; --log-file writes a file, "
				"and log-level = warn writes less");
}

static void judge(struct checkup *c, const struct asked *asked, void *unused)
{
	(void)unused;
	if (asked->err)
		return;
	check_file(c, asked);
	check_loss(c, asked);
}

void check_relay_log(struct checkup *c)
{
	asked_each(c, judge, NULL);
}
