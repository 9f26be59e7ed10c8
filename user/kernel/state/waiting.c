/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/state/waiting.h"

#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/util.h"

#define PAUSE_MAX_MS 100
/* For all holders together: the lock may pass from one to the next. */
#define ALL_MS 60000

static int wait_ms(const struct lock_wait *how)
{
	return how->ms ? how->ms : LOCK_WAIT_MS;
}

void waiting_update(struct waiting *w, int fd)
{
	struct holder holder;
	struct stat st = { 0 };

	holder_find(fd, &holder);
	if (w->is_signed)
		fstat(fd, &st);
	if (!w->until || holder.pid != w->holder.pid || st.st_mtim.tv_sec != w->since.tv_sec ||
	    st.st_mtim.tv_nsec != w->since.tv_nsec)
		w->until = monotonic_ms() + (uint64_t)wait_ms(w->how);
	if (!w->end)
		w->end = monotonic_ms() + (uint64_t)(w->how->ms ? w->how->ms : ALL_MS);
	w->holder = holder;
	w->since = st.st_mtim;
}

bool waiting_is_over(const struct waiting *w)
{
	uint64_t now = monotonic_ms();

	return w->how->ms >= 0 && (now >= w->until || now >= w->end);
}

/* Short pauses first: most commands hold the lock for some milliseconds. */
void waiting_pause(struct waiting *w)
{
	struct timespec time = { 0 };

	w->pause_ms += w->pause_ms < PAUSE_MAX_MS ? 5 : 0;
	time.tv_nsec = w->pause_ms * 1000000;
	ppoll(NULL, 0, &time, w->how->mask);
}

int waiting_try(int fd)
{
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	return errno == EINTR ? -EAGAIN : -errno;
}

int waiting_for(struct waiting *w, int fd)
{
	int err;

	while ((err = waiting_try(fd)) == -EAGAIN) {
		waiting_update(w, fd);
		if (waiting_is_over(w))
			return -ETIMEDOUT;
		waiting_pause(w);
	}
	return err;
}

/* ---- words -------------------------------------------------------------- */

void waiting_holder(const struct waiting *w, char *buf, size_t size)
{
	char user[80] = "", clock[40] = "";
	struct tm tm;

	if (!w->holder.pid) {
		snprintf(buf, size, "a process that cannot be seen from here");
		return;
	}
	if (!holder_is_trusted(&w->holder))
		pindir_user(w->holder.uid, user, sizeof(user));
	if (w->since.tv_sec && localtime_r(&w->since.tv_sec, &tm))
		strftime(clock, sizeof(clock), " since %T", &tm);
	snprintf(buf, size, "process %d (%s)%s%s%s holds the lock%s", (int)w->holder.pid,
		 w->holder.comm, *user ? " of " : "", user, w->holder.stopped ? ", stopped," : "",
		 clock);
}

static const char *cure(const struct holder *holder, char *buf, size_t size)
{
	if (!holder->pid)
		return "look in other containers";
	snprintf(buf, size,
		 holder->stopped ? "kill -CONT %d lets it finish" : "wait, or end it: kill %d",
		 (int)holder->pid);
	return buf;
}

int waiting_explain(const struct waiting *w, char *ret_why)
{
	char holder[200], next[60];

	waiting_holder(w, holder, sizeof(holder));
	snprintf(ret_why, PINDIR_WHY_LEN, "%s (%s)", holder, cure(&w->holder, next, sizeof(next)));
	return -ETIMEDOUT;
}
