/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/privs.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "lib/util.h"

#define WANTED_NOFILE 1048576

static bool had_bind_service; /* before anything was given up */

static void keep_if_had(unsigned int capability, bool had)
{
	if (had)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, capability);
}

void privs_keep_for_helper(bool writes_log)
{
	bool raw, bind, admin, override;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	capng_get_caps_process();
	raw = capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW);
	bind = capng_have_capability(CAPNG_PERMITTED, CAP_NET_BIND_SERVICE);
	admin = capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN);
	override = capng_have_capability(CAPNG_PERMITTED, CAP_DAC_OVERRIDE);
	capng_clear(CAPNG_SELECT_BOTH);
	keep_if_had(CAP_NET_RAW, raw);
	keep_if_had(CAP_NET_BIND_SERVICE, bind);
	keep_if_had(CAP_NET_ADMIN, admin);
	keep_if_had(CAP_DAC_OVERRIDE, override && writes_log);
	/* The bounding set needs CAP_SETPCAP; a container may not have it. */
	if (capng_apply(CAPNG_SELECT_BOTH))
		capng_apply(CAPNG_SELECT_CAPS);
}

/* getpwnam(3) lists what errno may be for a name that does not exist. */
static bool is_absent(int err)
{
	return !err || err == ENOENT || err == ESRCH || err == EBADF || err == EPERM;
}

bool privs_user_is_missing(void)
{
	errno = 0;
	return !getpwnam("tproxy") && is_absent(errno);
}

/* On NULL errno says whether it is absent. A failed look-up must not lead to another user. */
static const struct passwd *find_user(const char *name)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(*name ? name : "tproxy");
	if (pw || *name || !is_absent(errno))
		return pw;
	errno = 0;
	return getpwnam("nobody");
}

/*
 * CAP_NET_RAW for every --source: while the relay runs it binds sockets that answer UDP clients to
 * foreign addresses, and IP_TRANSPARENT needs it. CAP_NET_BIND_SERVICE because most of those
 * addresses have ports below 1024 (DNS, QUIC); without it the answers leave through a raw socket,
 * one by one. A process that can send raw packets gains little by it: it may listen where no
 * daemon does.
 */
static void keep_capabilities(void)
{
	capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_RAW);
	if (had_bind_service)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_BIND_SERVICE);
}

static int change_user(const char *name, char *ret_why, size_t size)
{
	const struct passwd *pw = find_user(name);
	int flags = CAPNG_DROP_SUPP_GRP;
	int err;

	if (!pw && !is_absent(errno)) {
		snprintf(ret_why, size, "user %s: cannot be looked up: %s (try again)",
			 *name ? name : "tproxy", strerror(errno));
		return -EAGAIN;
	}
	if (!pw) {
		snprintf(ret_why, size, "user %s: unknown (create it or choose another --user)",
			 *name ? name : "nobody");
		return -ENOENT;
	}
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		flags |= CAPNG_CLEAR_BOUNDING;
	capng_clear(CAPNG_SELECT_BOTH);
	keep_capabilities();
	err = capng_change_id((int)pw->pw_uid, (int)pw->pw_gid, flags);
	if (err) {
		snprintf(ret_why, size, "user %s: cannot become it: libcap-ng error %d (%s)",
			 pw->pw_name, err, "start as root with CAP_SETUID and CAP_SETGID");
		return -EPERM;
	}
	return 0;
}

static int keep_net_raw(char *ret_why, size_t size)
{
	capng_get_caps_process();
	if (!capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW)) {
		snprintf(ret_why, size,
			 "CAP_NET_RAW: missing (start as root, or with AmbientCapabilities)");
		return -EPERM;
	}
	capng_clear(CAPNG_SELECT_CAPS);
	keep_capabilities();
	if (capng_apply(CAPNG_SELECT_CAPS)) {
		snprintf(ret_why, size, "capabilities: cannot be dropped: %s", strerror(errno));
		return -EPERM;
	}
	return 0;
}

int privs_drop(const char *user, char *ret_why, size_t size)
{
	int err;

	capng_get_caps_process();
	had_bind_service = capng_have_capability(CAPNG_PERMITTED, CAP_NET_BIND_SERVICE);
	err = geteuid() ? keep_net_raw(ret_why, size) : change_user(user, ret_why, size);
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	return err;
}

unsigned long privs_raise_nofile(void)
{
	struct rlimit limit = { .rlim_cur = WANTED_NOFILE, .rlim_max = WANTED_NOFILE };
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now))
		return 1024;
	if (now.rlim_max < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return limit.rlim_cur;
	now.rlim_cur = now.rlim_max;
	setrlimit(RLIMIT_NOFILE, &now);
	getrlimit(RLIMIT_NOFILE, &now);
	return now.rlim_cur;
}

int privs_enter_netns(const char *name)
{
	__cleanup_close int fd = -1;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/var/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		return -errno;
	return 0;
}
