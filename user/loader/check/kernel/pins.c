/* SPDX-License-Identifier: BSD-2-Clause */
/* Is there a safe place for pins, and can what is pinned be read? */
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lib/pindir.h"
#include "loader/check/list.h"

/* ---- the file system ---------------------------------------------------- */

static struct problem *add(struct checkup *c, const char *id, enum verdict verdict)
{
	return problem_add(&c->problems, id, verdict, NULL, NULL);
}

static void report_missing(struct checkup *c, const char *parent)
{
	struct problem *p = add(c, "bpffs-missing", VERDICT_BROKEN);

	problem_text(p, "%s is not on a BPF file system: maps and programs cannot be pinned",
		     parent);
	problem_next(p,
		     "mount -t bpf -o mode=700 bpf %s; but ip netns exec NAME hides it: use "
		     "tproxy-loader -n NAME instead",
		     parent);
}

static void check_mode(struct checkup *c, const char *parent, const struct stat *st)
{
	struct problem *p;

	if (!(st->st_mode & 022)) {
		checkup_evidence(c, "%s has mode %o", parent, st->st_mode & 07777);
		return;
	}
	p = add(c, "bpffs-open", VERDICT_DEGRADED);
	problem_text(p, "%s has mode %o: every user may pin there and take the names that we need",
		     parent, st->st_mode & 07777);
	problem_next(p, "chmod 700 %s; and mount it with mode=700", parent);
}

/* The directory in which the pin directory is. */
static void parent_of(const char *dir, char *parent, size_t size)
{
	const char *slash = strrchr(dir, '/');

	snprintf(parent, size, "%.*s", slash > dir ? (int)(slash - dir) : 1, dir);
}

void check_bpffs(struct checkup *c)
{
	char parent[PINDIR_PATH_LEN];
	struct statfs fs;
	struct stat st;

	parent_of(c->session->app->pin_dir, parent, sizeof(parent));
	if (statfs(parent, &fs) || stat(parent, &st)) {
		if (errno == ENOENT)
			report_missing(c, parent);
		else
			checkup_unchecked(c, "%s: %s", parent, strerror(errno));
		return;
	}
	if (fs.f_type != BPF_FS_MAGIC)
		report_missing(c, parent);
	else
		check_mode(c, parent, &st);
}

/* ---- the state ---------------------------------------------------------- */

/* "SENTENCE (NEXT)" as pindir.h writes it: the last parenthesis is the next step. */
static void split_why(struct problem *p, const char *why)
{
	const char *next = strrchr(why, '(');

	if (!next || next == why) {
		problem_text(p, "%s", why);
		return;
	}
	problem_text(p, "%.*s", (int)(next - why - 1), why);
	problem_next(p, "%.*s", (int)strcspn(next + 1, ")"), next + 1);
}

static void report_abi(struct checkup *c)
{
	const __u32 abi = c->session->state.config.abi;
	struct problem *p = add(c, "state-abi", VERDICT_BROKEN);

	problem_text(p, "the pinned maps have ABI %u, and this loader has %u: they were made by %s",
		     abi, TPROXY_ABI, abi < TPROXY_ABI ? "an older one" : "a newer one");
	if (abi < TPROXY_ABI)
		problem_next(p, "tproxy-loader attach IF; tproxy-loader watch migrates them, too");
	else
		problem_next(p, "use the loader that made them, or its detach --all");
}

static void report_unopened(struct checkup *c)
{
	const char *dir = c->session->app->pin_dir;
	struct problem *p;

	switch (c->open_err) {
	case -EPROTO:
		report_abi(c);
		return;
	case -EUCLEAN:
		split_why(add(c, "pins-refused", VERDICT_BROKEN), c->open_why);
		return;
	case -EXDEV:
		p = add(c, "other-netns", VERDICT_BROKEN);
		problem_text(p, "%s belongs to another network namespace", dir);
		problem_next(p, "use -n NAME, or another --pin-dir");
		return;
	case -EMEDIUMTYPE:
		p = add(c, "state-broken", VERDICT_BROKEN);
		problem_text(p, "%s: %s is missing or not a pin of tproxy", dir, c->open_why);
		problem_next(p, "tproxy-loader clean; then attach again");
		return;
	default:
		checkup_unchecked(c, "%s: %s", dir, strerror(-c->open_err));
	}
}

void check_state(struct checkup *c)
{
	if (c->attached)
		checkup_evidence(c, "generation %u", c->session->state.config.generation);
	else if (c->open_err == -ENOENT || c->open_err == -ESTALE)
		checkup_evidence(c, "nothing is attached");
	else
		report_unopened(c);
}
