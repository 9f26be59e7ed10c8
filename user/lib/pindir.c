/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/pindir.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lib/util.h"

#define MAX_LINKS 40   /* as the kernel */
#define SUFFIX_ROOM 16 /* of the name, for the stage */

static int __printf(3, 4) fail(char *why, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, PINDIR_WHY_LEN, fmt, args);
	va_end(args);
	return err;
}

const char *pindir_user(unsigned int uid, char *buf, int size)
{
	const struct passwd *user = getpwuid(uid);

	snprintf(buf, (size_t)size, "user %s%s(uid %u)", user ? user->pw_name : "", user ? " " : "",
		 uid);
	return buf;
}

static bool is_trusted(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

/* The present path of a descriptor, for messages only. */
static void path_of(int fd, char *buf)
{
	char link[40];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, buf, PATH_MAX - 1);
	snprintf(buf + (len < 0 ? 0 : len), 4, "%s", len < 0 ? "it" : "");
}

/* ---- the way to the parent ---------------------------------------------- */

struct walk {
	int fd; /* where it is */
	bool on_bpffs;
	int links; /* followed so far */
	char rest[PATH_MAX];
	char *why;
};

/* A directory of a bpffs on the way: no other user may rename or remove what is in it. */
static int check_way(const struct walk *w, const struct stat *st)
{
	char path[PATH_MAX], user[80];

	if (is_trusted(st->st_uid) && (!(st->st_mode & 022) || (st->st_mode & S_ISVTX)))
		return 0;
	path_of(w->fd, path);
	if (is_trusted(st->st_uid))
		return fail(
			w->why, -EUCLEAN,
			"%s: other users may remove and replace what is pinned there, because it "
			"is writable without the sticky bit (chmod 700 %s)",
			path, path);
	return fail(w->why, -EUCLEAN,
		    "%s: belongs to %s, who may remove and replace what is pinned there "
		    "(chown root %s; chmod 700 %s)",
		    path, pindir_user(st->st_uid, user, sizeof(user)), path, path);
}

static int arrive(struct walk *w, int fd, const struct stat *st)
{
	struct statfs fs;

	if (w->fd >= 0)
		close(w->fd);
	w->fd = fd;
	if (fstatfs(fd, &fs))
		return -errno;
	w->on_bpffs = fs.f_type == BPF_FS_MAGIC;
	return w->on_bpffs ? check_way(w, st) : 0;
}

static int begin(struct walk *w)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	return fstat(fd, &st) ? -errno : arrive(w, fd, &st);
}

static int refuse_link(const struct walk *w, const char *name, uid_t uid)
{
	char path[PATH_MAX], user[80];

	path_of(w->fd, path);
	return fail(w->why, -EUCLEAN,
		    "%s/%s: is a symbolic link of %s, and none is followed on a bpffs (rm %s/%s)",
		    path, name, pindir_user(uid, user, sizeof(user)), path, name);
}

/* Outside the bpffs a path may lead through links. */
static int follow(struct walk *w, int link)
{
	char target[PATH_MAX], rest[2 * PATH_MAX];
	ssize_t len = readlinkat(link, "", target, sizeof(target) - 1);

	if (len < 0)
		return -errno;
	if (++w->links > MAX_LINKS)
		return -ELOOP;
	target[len] = '\0';
	if (snprintf(rest, sizeof(rest), "%s/%s", target, w->rest) >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(w->rest, rest, strlen(rest) + 1);
	return target[0] == '/' ? begin(w) : 0;
}

static int step(struct walk *w, const char *name)
{
	__cleanup_close int fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (S_ISLNK(st.st_mode))
		return w->on_bpffs ? refuse_link(w, name, st.st_uid) : follow(w, fd);
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return arrive(w, take_fd(&fd), &st);
}

static int walk(struct walk *w)
{
	char name[NAME_MAX + 1];
	int err = begin(w);

	while (!err) {
		const char *from = w->rest + strspn(w->rest, "/");
		size_t len = strcspn(from, "/");

		if (!len)
			break;
		if (len > NAME_MAX)
			return -ENAMETOOLONG;
		snprintf(name, sizeof(name), "%.*s", (int)len, from);
		memmove(w->rest, from + len, strlen(from + len) + 1);
		err = step(w, name);
	}
	return err ? err : w->on_bpffs ? 0 : -EMEDIUMTYPE;
}

/* ---- the parent --------------------------------------------------------- */

static int split(struct pindir *pins, const char *path, char *parent)
{
	const char *slash = strrchr(path, '/');

	if (strlen(path) >= PINDIR_PATH_LEN - 2 * SUFFIX_ROOM)
		return -ENAMETOOLONG;
	/* bpffs reserves names with dots. */
	if (path[0] != '/' || !slash[1] || strchr(slash, '.'))
		return -EINVAL;
	snprintf(pins->name, sizeof(pins->name), "%s", slash + 1);
	snprintf(parent, PATH_MAX, "%.*s", (int)(slash - path), path);
	return 0;
}

static int explain(const char *path, int err, char *why)
{
	switch (err) {
	case -EUCLEAN:
		return err;
	case -EMEDIUMTYPE:
		return fail(
			why, err,
			"%s: not on a BPF file system (mount -t bpf -o mode=700 bpf /sys/fs/bpf; "
			"ip netns exec NAME hides it: use the option -n NAME instead)",
			path);
	case -EINVAL:
		return fail(why, err,
			    "%s: not a usable pin directory (give an absolute path whose last part "
			    "has no dot)",
			    path);
	default:
		return fail(why, err,
			    "%s: %s (give a directory below a mounted bpffs with --pin-dir)", path,
			    strerror(-err));
	}
}

int pindir_open_parent(struct pindir *pins, const char *path, char *ret_why)
{
	struct walk w = { .fd = -1, .why = ret_why };
	int err = split(pins, path, w.rest);

	if (!err)
		err = walk(&w);
	if (err) {
		cleanup_fd(&w.fd);
		return explain(path, err, ret_why);
	}
	cleanup_fd(&pins->parent);
	pins->parent = w.fd;
	return 0;
}

/* ---- the directory ------------------------------------------------------ */

/* Root can remove what is refused; the parent's mode decides whether the name stays free. */
static int refuse_owner(const struct pindir *pins, const struct stat *st, char *why)
{
	const char *what = S_ISDIR(st->st_mode) ? "" :
			   S_ISLNK(st->st_mode) ? "is a symbolic link and " :
						  "is no directory and ";
	char parent[PATH_MAX], user[80];

	path_of(pins->parent, parent);
	return fail(why, -EUCLEAN,
		    "%s/%s: %sbelongs to %s (remove it with rm -r %s/%s; chmod 700 %s keeps others "
		    "out)",
		    parent, pins->name, what, pindir_user(st->st_uid, user, sizeof(user)), parent,
		    pins->name, parent);
}

static int check_own(const struct pindir *pins, int fd, char *why)
{
	struct stat st, above;
	char path[PATH_MAX];

	if (fstat(fd, &st) || fstat(pins->parent, &above))
		return fail(why, -errno, "%s: %s", pins->name, strerror(errno));
	if (!is_trusted(st.st_uid) || !S_ISDIR(st.st_mode))
		return refuse_owner(pins, &st, why);
	path_of(fd, path);
	if (st.st_dev != above.st_dev)
		return fail(why, -EUCLEAN,
			    "%s: something is mounted there (umount %s, or use another --pin-dir)",
			    path, path);
	if (st.st_mode & 022)
		return fail(why, -EUCLEAN, "%s: other users may write to it (chmod 700 %s)", path,
			    path);
	return 0;
}

/* Pins are reached through it. */
static int check_proc(char *why)
{
	struct statfs fs;

	if (!statfs("/proc", &fs) && fs.f_type == PROC_SUPER_MAGIC)
		return 0;
	return fail(why, -EUCLEAN,
		    "/proc: is not mounted, and pins are reached through it (mount -t proc proc "
		    "/proc)");
}

int pindir_enter(struct pindir *pins, char *ret_why)
{
	__cleanup_close int fd = openat(pins->parent, pins->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int err;

	if (fd < 0)
		return fail(ret_why, -errno, "%s: %s", pins->name, strerror(errno));
	err = check_own(pins, fd, ret_why);
	if (!err)
		err = check_proc(ret_why);
	if (err)
		return err;
	pindir_leave(pins);
	pins->dir = take_fd(&fd);
	return 0;
}

int pindir_make(struct pindir *pins, char *ret_why)
{
	if (mkdirat(pins->parent, pins->name, 0700))
		return fail(ret_why, -errno, "%s: cannot make it: %s", pins->name, strerror(errno));
	return pindir_enter(pins, ret_why);
}

bool pindir_is_there(const struct pindir *pins)
{
	struct stat name, dir;

	return !fstatat(pins->parent, pins->name, &name, AT_SYMLINK_NOFOLLOW) &&
	       !fstat(pins->dir, &dir) && name.st_ino == dir.st_ino && name.st_dev == dir.st_dev;
}

int pindir_check(const char *path, char *ret_why)
{
	struct pindir pins __cleanup_pindir = PINDIR_CLOSED;
	int err = pindir_open_parent(&pins, path, ret_why);

	return err ? err : pindir_enter(&pins, ret_why);
}

/* ---- descriptors -------------------------------------------------------- */

static int dup_fd(int fd, int *ret_fd)
{
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (fd >= 0 && copy < 0)
		return -errno;
	*ret_fd = copy;
	return 0;
}

int pindir_dup(const struct pindir *from, const char *suffix, struct pindir *to)
{
	struct pindir copy __cleanup_pindir = PINDIR_CLOSED;
	int err = dup_fd(from->parent, &copy.parent);

	if (!err && !*suffix)
		err = dup_fd(from->dir, &copy.dir);
	if (err)
		return err;
	snprintf(copy.name, sizeof(copy.name), "%s%s", from->name, suffix);
	*to = copy;
	copy = PINDIR_CLOSED;
	return 0;
}

void pindir_leave(struct pindir *pins)
{
	cleanup_fd(&pins->dir);
	pins->dir = -1;
}

void pindir_close(struct pindir *pins)
{
	cleanup_fd(&pins->parent);
	pindir_leave(pins);
	*pins = PINDIR_CLOSED;
}

int pindir_path(const struct pindir *pins, const char *pin, char *buf)
{
	int len = snprintf(buf, PINDIR_PATH_LEN, "/proc/self/fd/%d/%s", pins->dir, pin);

	return len < PINDIR_PATH_LEN ? 0 : -ENAMETOOLONG;
}
