/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/state/lock.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/rundir.h"
#include "lib/util.h"

#define LOCK_PREFIX "lock-"
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* ---- the file in /run/tproxy -------------------------------------------- */

/* By device and inode: bind mounts of a bpffs and paths with links lead to the same. */
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

/* The previous holder may have removed the file. */
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

/* This also sets the file's time, by which others see that the lock has changed hands. */
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
			err = waiting_for(w, lock->file);
	} while (!err && !is_current(lock));
	if (!err)
		sign(lock);
	return err;
}

/* ---- the lock of older builds ------------------------------------------- */

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

/* Is it a loader of this build that works on another pin directory below the same parent? */
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
 * 0: this lock is not needed, because the one in /run/tproxy is ours. We do not wait for another
 * user's process. We wait for a loader of this build, as two states may share a network namespace,
 * but not for ever: it may be stopped.
 */
static int may_ignore(const struct lock *lock, const struct waiting *w, uint64_t since)
{
	bool late = monotonic_ms() - since >= LOCK_WAIT_MS;

	if (lock->dir < 0)
		return -EAGAIN;
	if (w->holder.pid && !holder_is_trusted(&w->holder))
		return 0;
	if (late || waiting_is_over(w))
		return !w->holder.pid || works_elsewhere(lock, w->holder.pid) ? 0 : -EAGAIN;
	return -EAGAIN;
}

/* -EPERM: a process holds it for which we need not wait. */
static int take_older(struct lock *lock, struct waiting *w)
{
	uint64_t since = monotonic_ms();
	int err;

	while ((err = waiting_try(lock->older)) == -EAGAIN) {
		waiting_update(w, lock->older);
		if (!may_ignore(lock, w, since))
			return -EPERM;
		if (waiting_is_over(w))
			return -ETIMEDOUT;
		waiting_pause(w);
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
	waiting_holder(w, holder, sizeof(holder));
	snprintf(remark, PINDIR_WHY_LEN,
		 "%s of the directory above: only older builds of tproxy-loader wait for it (end "
		 "it; chmod 700 of that directory keeps others out)",
		 holder);
}

static int lock_older(const struct pindir *pins, struct lock_wait *wait, struct lock *lock,
		      char *why)
{
	struct waiting w = { .how = wait };
	int err = open_older(pins, lock);

	if (!err)
		err = take_older(lock, &w);
	if (!err)
		return 0;
	if (err == -ETIMEDOUT)
		return waiting_explain(&w, why);
	if (err == -EPERM && lock->older >= 0) {
		remark_older(lock, &w, wait->remark);
		return 0;
	}
	snprintf(why, PINDIR_WHY_LEN, "cannot lock the directory above: %s (run as root)",
		 strerror(-err));
	return err;
}

/* ---- both --------------------------------------------------------------- */

/* Users who can open the parent can hold the lock of older builds, which is the only one here. */
static bool is_private(const struct pindir *pins)
{
	struct stat st;

	return !fstat(pins->parent, &st) && !(st.st_mode & 077);
}

/* Without a /run, or with a read-only one, the lock of older builds must suffice. */
static int do_without(const struct pindir *pins, struct lock_wait *wait, struct lock *lock, int err)
{
	cleanup_fd(&lock->dir);
	lock->dir = -1;
	if (!is_private(pins))
		snprintf(wait->remark, sizeof(wait->remark),
			 "cannot lock in " RUNDIR ": %s: the lock that is left can be held by "
			 "other users (make /run writable, or chmod 700 the directory above)",
			 strerror(-err));
	return 0;
}

static int lock_ours(const struct pindir *pins, struct lock_wait *wait, struct lock *lock,
		     char *why)
{
	struct waiting w = { .how = wait, .is_signed = true };
	int err;

	lock->dir = rundir_open();
	err = lock->dir < 0 ? lock->dir : name_file(pins, lock);
	if (!err)
		err = take_file(lock, &w);
	switch (err) {
	case 0:
		return 0;
	case -ETIMEDOUT:
		return waiting_explain(&w, why);
	case -EUCLEAN:
		snprintf(why, PINDIR_WHY_LEN,
			 "cannot be locked: " RUNDIR
			 " is no directory, or not only root's (rm -r " RUNDIR ")");
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
	err = lock_ours(pins, wait, &lock, ret_why);
	if (err) {
		lock_release(&lock, NULL); /* another process has the file */
		return err;
	}
	err = lock_older(pins, wait, &lock, ret_why);
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
