/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/own/run.h"

#include <fcntl.h>
#include <pwd.h>
#include <string.h>

#include "kernel/own/own_hook.h"
#include "lib/cgroup2.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/util.h"

static const char *option_of(enum own_run kind)
{
	return kind == OWN_RUN_OUT ? " --not" : "";
}

/* ---- paths -------------------------------------------------------------- */

/* Of the root it is "", so that "/NAME" can be appended. */
static int current_cgroup(char *ret_path)
{
	int err = cgroup2_of(getpid(), ret_path, PATH_MAX);

	if (!err && !strcmp(ret_path, "/"))
		*ret_path = '\0';
	if (err)
		log_error(
			"run: this process is in no cgroup of version 2: %s (mount -t cgroup2 none "
			"/sys/fs/cgroup)",
			strerror(-err));
	return err;
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

/* A program that is in one of our cgroups already gets no other one in it. */
static void leave_ours(char *path)
{
	for (int kind = 0; kind < OWN_RUN_MAX; kind++)
		if (!strcmp(last_name(path), own_run_names[kind])) {
			cut_last(path);
			return;
		}
}

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return !strncmp(path, top, len) && (!path[len] || path[len] == '/');
}

/* 0: now this process is in that cgroup. */
static int move_to(const char *path)
{
	__cleanup_close int dir = cgroup2_open(path);
	__cleanup_close int procs =
		dir < 0 ? -1 : openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	if (procs < 0)
		return dir < 0 ? dir : -errno;
	return write(procs, "0", 1) < 0 ? -errno : 0;
}

/* ---- root --------------------------------------------------------------- */

/* The hooks see processes of this cgroup and those below. */
static int hooks_cgroup(const struct state *state, char *ret_path)
{
	const __u64 id = own_hook_cgroup(state, OWN_PROG_CONNECT4);

	return id ? cgroup2_path(id, ret_path, PATH_MAX) : -ENOENT;
}

static int refuse_unattached(const struct session *session)
{
	log_error("%s: own traffic is not attached (tproxy-loader attach --local)",
		  session->state.dir);
	return EXIT_NOT_ATTACHED;
}

static int open_attached(const struct session *session, struct own_exclusion *x, char *ret_hooks)
{
	int err = own_exclusion_open(&session->state, x);

	if (!err)
		err = hooks_cgroup(&session->state, ret_hooks);
	if (err == -ENOENT)
		return refuse_unattached(session);
	if (err) {
		log_error("%s: the maps for own traffic cannot be read: %s (tproxy-loader attach "
			  "--local)",
			  session->state.dir, strerror(-err));
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

static int report_make(const char *parent, enum own_run kind, int err)
{
	log_error("cgroup %s/%s: cannot be used: %s", parent, own_run_names[kind],
		  err == -EPERM  ? "another user made it (remove it with rmdir)" :
		  err == -E2BIG  ? "there are 1024 such cgroups (remove some with rmdir)" :
		  err == -EACCES ? "permission denied (is the cgroup file system writable?)" :
		  err == -ENOENT ? "the cgroup above it does not exist (that of a user does from "
				   "the first login on; or name another one with --cgroup)" :
				   strerror(-err));
	return EXIT_FAILED;
}

#define TRIES 5

/* Another command may remove the cgroup as long as nothing is in it. */
static int make_and_move(const struct own_exclusion *x, enum own_run kind, const char *parent)
{
	char path[PATH_MAX];
	int err = -ENOENT;

	for (int i = 0; i < TRIES && (err == -ENOENT || err == -ENODEV); i++) {
		err = own_run_make(x, kind, parent, path);
		if (!err)
			err = move_to(path);
	}
	return err ? report_make(parent, kind, err) : EXIT_DONE;
}

int own_run_enter(const struct session *session, enum own_run kind)
{
	struct own_exclusion x __cleanup_exclusion = OWN_EXCLUSION_CLOSED;
	char hooks[PATH_MAX], parent[PATH_MAX];
	int code = open_attached(session, &x, hooks);

	if (code)
		return code;
	if (current_cgroup(parent))
		return EXIT_FAILED;
	own_run_tidy(&x);
	leave_ours(parent);
	return make_and_move(&x, kind, is_below(parent, hooks) ? parent : hooks);
}

/* ---- other users -------------------------------------------------------- */

/* What the kernel asks: may we write cgroup.procs there, and of the cgroup above both? */
static bool may_move(const char *parent, enum own_run kind)
{
	__cleanup_close int dir = cgroup2_open(parent);
	char procs[64];

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", own_run_names[kind]);
	return dir >= 0 && !faccessat(dir, procs, W_OK, AT_EACCESS) &&
	       !faccessat(dir, "cgroup.procs", W_OK, AT_EACCESS);
}

static int refuse_user(const char *cgroup, enum own_run kind)
{
	char slice[64], place[PATH_MAX + 16] = "";
	struct passwd *user = getpwuid(geteuid());
	char number[16];

	snprintf(slice, sizeof(slice), "/user.slice/user-%u.slice", geteuid());
	snprintf(number, sizeof(number), "%u", geteuid());
	if (!*cgroup) {
		log_error(
			"run: user %s may not put programs into a cgroup from the root cgroup (log "
			"in by systemd, or as root: tproxy-loader run)",
			user ? user->pw_name : number);
		return EXIT_FAILED;
	}
	if (!is_below(cgroup, slice))
		snprintf(place, sizeof(place), " --cgroup %s", cgroup);
	log_error("run: user %s may not put programs into a cgroup %s here (as root: tproxy-loader "
		  "run%s --allow %s%s)",
		  user ? user->pw_name : number, own_run_names[kind], option_of(kind),
		  user ? user->pw_name : number, place);
	return EXIT_FAILED;
}

int own_run_enter_prepared(enum own_run kind)
{
	char cgroup[PATH_MAX], parent[PATH_MAX], path[PATH_MAX + 16];

	if (current_cgroup(cgroup))
		return EXIT_FAILED;
	if (!strcmp(last_name(cgroup), own_run_names[kind]))
		return EXIT_DONE;
	snprintf(parent, sizeof(parent), "%s", cgroup);
	while (*parent) {
		snprintf(path, sizeof(path), "%s/%s", parent, own_run_names[kind]);
		if (may_move(parent, kind) && !move_to(path))
			return EXIT_DONE;
		cut_last(parent);
	}
	return refuse_user(cgroup, kind);
}

/* ---- preparing ---------------------------------------------------------- */

static int find_user(const char *name, uid_t *ret_uid)
{
	const struct passwd *user = getpwnam(name);
	const char *why;
	__u32 id;

	if (user)
		*ret_uid = user->pw_uid;
	else if (!parse_u32(name, 1, UINT32_MAX - 1, &id, &why))
		*ret_uid = id;
	else
		return -ENOENT;
	return 0;
}

static int give(const char *cgroup, uid_t uid)
{
	__cleanup_close int dir = cgroup2_open(cgroup);

	if (dir < 0)
		return dir;
	return fchownat(dir, "cgroup.procs", uid, (gid_t)-1, 0) ? -errno : 0;
}

static int allow(const struct own_exclusion *x, enum own_run kind, const char *parent, uid_t uid)
{
	char path[PATH_MAX];
	int err = own_run_make(x, kind, parent, path);

	if (err)
		return report_make(parent, kind, err);
	err = give(path, uid);
	if (!err)
		err = give(parent, uid);
	if (err) {
		log_error("cgroup %s: cannot be given to user %u: %s (is it there?)", parent, uid,
			  strerror(-err));
		return EXIT_FAILED;
	}
	log_step("chown %u %s/cgroup.procs %s/cgroup.procs", uid, parent, path);
	return EXIT_DONE;
}

int own_run_allow(const struct session *session, enum own_run kind, const char *user,
		  const char *cgroup)
{
	struct own_exclusion x __cleanup_exclusion = OWN_EXCLUSION_CLOSED;
	char hooks[PATH_MAX], parent[PATH_MAX];
	uid_t uid;
	int code;

	if (find_user(user, &uid)) {
		log_error("--allow %s: no such user (id -u NAME)", user);
		return EXIT_USAGE;
	}
	if (cgroup)
		snprintf(parent, sizeof(parent), "%s%s", *cgroup == '/' ? "" : "/", cgroup);
	else
		snprintf(parent, sizeof(parent), "/user.slice/user-%u.slice", uid);
	while (*parent && !*last_name(parent))
		cut_last(parent);
	if (!*parent) {
		log_error("--cgroup /: whoever may write there can move every process (name the "
			  "cgroup of the user)");
		return EXIT_USAGE;
	}
	code = open_attached(session, &x, hooks);
	if (code)
		return code;
	if (!is_below(parent, hooks)) {
		log_error("cgroup %s: own traffic is attached to %s, which is not above it (name "
			  "another one with --cgroup)",
			  parent, hooks);
		return EXIT_FAILED;
	}
	return allow(&x, kind, parent, uid);
}
