/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/state/lock.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/holder.h"
#include "lib/util.h"

#define RUN_DIR "/run"
#define LOCK_PREFIX "lock-"
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define PAUSE_MAX_MS 100
/* Where the lock goes from hand to hand, no single holder is to blame. */
#define ALL_MS 60000

/* ---- waiting -------------------------------------------------------------- */

struct waiting {
	const struct lock_wait *how;
	struct holder holder; /* as seen last */
	bool signed_file;     /* the time of the file tells since when */
	struct timespec since;
	uint64_t until, end; /* ms */
	long pause_ms;
};

static int wait_ms(const struct lock_wait *how)
{
	return how->ms ? how->ms : LOCK_WAIT_MS;
}

static void look(struct waiting *w, int fd)
{
	struct holder holder;
	struct stat st = { 0 };

	holder_find(fd, &holder);
	if (w->signed_file)
		fstat(fd, &st);
	if (!w->until || holder.pid != w->holder.pid || st.st_mtim.tv_sec != w->since.tv_sec ||
	    st.st_mtim.tv_nsec != w->since.tv_nsec)
		w->until = monotonic_ms() + (uint64_t)wait_ms(w->how);
	if (!w->end)
		w->end = monotonic_ms() + (uint64_t)(w->how->ms ? w->how->ms : ALL_MS);
	w->holder = holder;
	w->since = st.st_mtim;
}

static bool is_over(const struct waiting *w)
{
	uint64_t now = monotonic_ms();

	return w->how->ms >= 0 && (now >= w->until || now >= w->end);
}

/* Short ones first: most commands hold the lock for some milliseconds. */
static void pause_more(struct waiting *w)
{
	struct timespec time = { 0 };

	w->pause_ms += w->pause_ms < PAUSE_MAX_MS ? 5 : 0;
	time.tv_nsec = w->pause_ms * 1000000;
	ppoll(NULL, 0, &time, w->how->mask);
}

/* 0: taken, -EAGAIN: somebody holds it. */
static int try(int fd)
{
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	return errno == EINTR ? -EAGAIN : -errno;
}

static int wait_for(int fd, struct waiting *w)
{
	int err;

	while ((err = try(fd)) == -EAGAIN) {
		look(w, fd);
		if (is_over(w))
			return -ETIMEDOUT;
		pause_more(w);
	}
	return err;
}

/* ---- words ---------------------------------------------------------------- */

static void name_holder(const struct waiting *w, char *buf, size_t size)
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

static int say_held(const struct waiting *w, char *why)
{
	char holder[200], next[60];

	name_holder(w, holder, sizeof(holder));
	snprintf(why, PINDIR_WHY_LEN, "%s (%s)", holder, cure(&w->holder, next, sizeof(next)));
	return -ETIMEDOUT;
}

/* ---- the file in /run/tproxy ---------------------------------------------- */

static bool is_roots(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && (st.st_uid == 0 || st.st_uid == geteuid()) &&
	       (!(st.st_mode & 022) || (st.st_mode & S_ISVTX));
}

/* Descriptor, or -errno; -EUCLEAN: somebody else's. */
static int open_dir(void)
{
	__cleanup_close int run = open(RUN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	__cleanup_close int dir = -1;

	if (run < 0)
		return -errno;
	if (!is_roots(run))
		return -EUCLEAN;
	if (mkdirat(run, "tproxy", 0700) && errno != EEXIST)
		return -errno;
	dir = openat(run, "tproxy", DIR_FLAGS);
	if (dir < 0)
		return errno == ENOTDIR || errno == ELOOP ? -EUCLEAN : -errno;
	return is_roots(dir) ? take_fd(&dir) : -EUCLEAN;
}

/* Bind mounts of a bpffs and paths with links agree on device and inode. */
static int name_file(const struct pindir *pins, struct lock *lock)
{
	struct stat st;
	int len;

	if (fstat(pins->parent, &st))
		return -errno;
	len = snprintf(lock->name, sizeof(lock->name), LOCK_PREFIX "%u:%u-%lu-%s", major(st.st_dev),
		       minor(st.st_dev), (unsigned long)st.st_ino, pins->name);
	return len < (int)sizeof(lock->name) ? 0 : -ENAMETOOLONG;
}

/* Whoever had it before may have removed the file. */
static bool is_current(const struct lock *lock)
{
	struct stat open, there;

	return !fstat(lock->file, &open) &&
	       !fstatat(lock->dir, lock->name, &there, AT_SYMLINK_NOFOLLOW) &&
	       open.st_ino == there.st_ino && open.st_dev == there.st_dev;
}

static int open_file(struct lock *lock)
{
	cleanup_fd(&lock->file);
	lock->file = openat(lock->dir, lock->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return lock->file < 0 ? -errno : 0;
}

/* Sets the time, too, by which others see that the lock has changed hands. */
static void sign(const struct lock *lock)
{
	if (!ftruncate(lock->file, 0))
		dprintf(lock->file, "%d\n", (int)getpid());
}

static int take_file(struct lock *lock, struct waiting *w)
{
	int err;

	do {
		err = open_file(lock);
		if (!err)
			err = wait_for(lock->file, w);
	} while (!err && !is_current(lock));
	if (!err)
		sign(lock);
	return err;
}

/* ---- the lock of older builds --------------------------------------------- */

static int open_older(const struct pindir *pins, struct lock *lock)
{
	lock->older = openat(pins->parent, ".", DIR_FLAGS);
	return lock->older < 0 ? -errno : 0;
}

static bool holds_file(const struct lock *lock, const char *name, pid_t pid)
{
	__cleanup_close int fd = openat(lock->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct holder holder = { 0 };

	if (fd >= 0)
		holder_find(fd, &holder);
	return holder.pid == pid;
}

/* A loader of this build that works on another pin directory below the same parent. */
static bool works_elsewhere(const struct lock *lock, pid_t pid)
{
	__cleanup_dir DIR *dir = fdopendir(openat(lock->dir, ".", DIR_FLAGS));
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, LOCK_PREFIX, strlen(LOCK_PREFIX)) &&
		    holds_file(lock, entry->d_name, pid))
			return true;
	return false;
}

/*
 * 0: we can do without the lock, for the one in /run/tproxy is ours. Another user's process need
 * not be waited for. A loader of this build is, as two states may share a network namespace,
 * but it may be stopped.
 */
static int may_ignore(const struct lock *lock, const struct waiting *w, uint64_t began)
{
	bool late = monotonic_ms() - began >= LOCK_WAIT_MS;

	if (lock->dir < 0)
		return -EAGAIN;
	if (w->holder.pid && !holder_is_trusted(&w->holder))
		return 0;
	if (late || is_over(w))
		return !w->holder.pid || works_elsewhere(lock, w->holder.pid) ? 0 : -EAGAIN;
	return -EAGAIN;
}

/* -EPERM: it is another's, and to be ignored. */
static int take_older(struct lock *lock, struct waiting *w)
{
	uint64_t began = monotonic_ms();
	int err;

	while ((err = try(lock->older)) == -EAGAIN) {
		look(w, lock->older);
		if (!may_ignore(lock, w, began))
			return -EPERM;
		if (is_over(w))
			return -ETIMEDOUT;
		pause_more(w);
	}
	return err;
}

static void remark_older(struct lock *lock, const struct waiting *w, char *remark)
{
	char holder[200];

	cleanup_fd(&lock->older);
	lock->older = -1;
	if (holder_is_trusted(&w->holder))
		return;
	name_holder(w, holder, sizeof(holder));
	snprintf(remark, PINDIR_WHY_LEN,
		 "%s of the directory above: only older builds of tproxy-loader wait for it (end "
		 "it; chmod 700 of that directory keeps others out)",
		 holder);
}

static int with_older(const struct pindir *pins, struct lock_wait *wait, struct lock *lock,
		      char *why)
{
	struct waiting w = { .how = wait };
	int err = open_older(pins, lock);

	if (!err)
		err = take_older(lock, &w);
	if (!err)
		return 0;
	if (err == -ETIMEDOUT)
		return say_held(&w, why);
	if (err == -EPERM && lock->older >= 0) {
		remark_older(lock, &w, wait->remark);
		return 0;
	}
	snprintf(why, PINDIR_WHY_LEN, "cannot lock the directory above: %s (run as root)",
		 strerror(-err));
	return err;
}

/* ---- both ----------------------------------------------------------------- */

/* Others who can open the parent can then hold the only lock that is left. */
static bool is_private(const struct pindir *pins)
{
	struct stat st;

	return !fstat(pins->parent, &st) && !(st.st_mode & 077);
}

/* No /run, or one that is read-only: the lock of older builds has to do. */
static int do_without(const struct pindir *pins, struct lock_wait *wait, struct lock *lock, int err)
{
	cleanup_fd(&lock->dir);
	lock->dir = -1;
	if (!is_private(pins))
		snprintf(wait->remark, sizeof(wait->remark),
			 "cannot lock in " LOCK_DIR ": %s: other users can hold the lock that is "
			 "left (make /run writable, or chmod 700 the directory above)",
			 strerror(-err));
	return 0;
}

static int with_ours(const struct pindir *pins, struct lock_wait *wait, struct lock *lock,
		     char *why)
{
	struct waiting w = { .how = wait, .signed_file = true };
	int err;

	lock->dir = open_dir();
	err = lock->dir < 0 ? lock->dir : name_file(pins, lock);
	if (!err)
		err = take_file(lock, &w);
	switch (err) {
	case 0:
		return 0;
	case -ETIMEDOUT:
		return say_held(&w, why);
	case -EUCLEAN:
		snprintf(why, PINDIR_WHY_LEN,
			 "cannot be locked: " LOCK_DIR
			 " is no directory, or not only root's (rm -r " LOCK_DIR ")");
		return err;
	case -ENAMETOOLONG:
		snprintf(why, PINDIR_WHY_LEN,
			 "cannot be locked: its name is too long (shorten it)");
		return err;
	default:
		return do_without(pins, wait, lock, err);
	}
}

int lock_take(const struct pindir *pins, struct lock_wait *wait, struct lock *ret_lock,
	      char *ret_why)
{
	struct lock lock = LOCK_OPEN;
	int err;

	wait->remark[0] = '\0';
	err = with_ours(pins, wait, &lock, ret_why);
	if (err) {
		lock_release(&lock, NULL); /* the file is another's */
		return err;
	}
	err = with_older(pins, wait, &lock, ret_why);
	if (err) {
		lock_release(&lock, pins);
		return err;
	}
	*ret_lock = lock;
	return 0;
}

static bool is_gone(const struct pindir *pins)
{
	struct stat st;

	return pins && pins->parent >= 0 &&
	       fstatat(pins->parent, pins->name, &st, AT_SYMLINK_NOFOLLOW) && errno == ENOENT;
}

void lock_release(struct lock *lock, const struct pindir *pins)
{
	if (lock->file >= 0 && lock->dir >= 0 && is_gone(pins) && is_current(lock))
		unlinkat(lock->dir, lock->name, 0);
	cleanup_fd(&lock->older);
	cleanup_fd(&lock->file);
	cleanup_fd(&lock->dir);
	*lock = LOCK_OPEN;
}
