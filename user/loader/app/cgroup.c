/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/app/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#endif

#include "lib/util.h"

#define MEMBERSHIP_SIZE 4096
#define SYSTEMD_PATIENCE_S 2
#define LOOK_MS 10

/* /proc/self/cgroup, one line a hierarchy: "ID:CONTROLLERS:PATH". Empty without control groups. */
static void read_membership(char *buf)
{
	__cleanup_close int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && (n = read(fd, buf + len, MEMBERSHIP_SIZE - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
}

/*
 * Sessions are in version 2 ("0::PATH") or in a hierarchy with a name and no controller
 * ("1:name=systemd:PATH"). Returns its name, "" for version 2, or NULL for other hierarchies.
 */
static const char *session_hierarchy(char *line, const char **ret_path)
{
	char *name = strchr(line, ':');
	char *path = name ? strchr(name + 1, ':') : NULL;

	if (!path)
		return NULL;
	*path++ = '\0';
	*ret_path = path;
	name++;
	if (!*name)
		return "";
	return strncmp(name, "name=", 5) ? NULL : name + 5;
}

static int write_procs(const char *dir, const char *subdir)
{
	char path[128];
	__cleanup_close int fd = -1;

	snprintf(path, sizeof(path), "/sys/fs/cgroup%s%s/cgroup.procs", dir, subdir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, "0", 1) < 0 ? -errno : 0;
}

/* name: of session_hierarchy. With both versions in use, version 2 is mounted below the others. */
static int enter_root(const char *name)
{
	int err;

	if (*name)
		return write_procs("/", name);
	err = write_procs("", "");
	return err == -ENOENT ? write_procs("/unified", "") : err;
}

/* Stops at the first hierarchy that it cannot leave. */
static int leave_all(void)
{
	char membership[MEMBERSHIP_SIZE];
	char *rest = membership, *line;
	int err = 0;

	read_membership(membership);
	while (!err && (line = strsep(&rest, "\n"))) {
		const char *path = "/";
		const char *name = session_hierarchy(line, &path);

		if (name && strcmp(path, "/"))
			err = enter_root(name);
	}
	return err;
}

#ifdef HAVE_SYSTEMD
static void close_bus(sd_bus **bus)
{
	sd_bus_flush_close_unref(*bus);
}

static void unref_message(sd_bus_message **message)
{
	sd_bus_message_unref(*message);
}

static int request_scope(const char *scope, pid_t pid)
{
	sd_bus *bus __attribute__((cleanup(close_bus))) = NULL;
	sd_bus_message *call __attribute__((cleanup(unref_message))) = NULL;
	int err = sd_bus_open_system(&bus);

	if (err < 0)
		return err;
	err = sd_bus_message_new_method_call(
		bus, &call, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
		"org.freedesktop.systemd1.Manager", "StartTransientUnit");
	if (err >= 0)
		err = sd_bus_message_append(
			call, "ssa(sv)a(sa(sv))", scope, "fail", 4, "PIDs", "au", 1, (uint32_t)pid,
			"Slice", "s", "system.slice", "Description", "s",
			"tproxy: restores the previous policy unless the new one is confirmed",
			"CollectMode", "s", "inactive-or-failed", 0);
	if (err >= 0)
		err = sd_bus_call(bus, call, 0, NULL, NULL);
	return err < 0 ? err : 0;
}

/* In a child with a time limit: the library waits long for a bus that is stuck. */
static bool ask_systemd(const char *scope)
{
	pid_t asker, us = getpid();
	int status;

	if (sd_booted() <= 0)
		return false;
	asker = fork();
	if (!asker) {
		signal(SIGALRM, SIG_DFL);
		alarm(SYSTEMD_PATIENCE_S);
		_exit(request_scope(scope, us) < 0);
	}
	return asker > 0 && waitpid(asker, &status, 0) == asker && !status;
}

/* The answer only says that a job was queued; the job moves the process. */
static bool has_moved(const char *before)
{
	char now[MEMBERSHIP_SIZE];

	for (int waited = 0; waited < SYSTEMD_PATIENCE_S * 1000; waited += LOOK_MS) {
		read_membership(now);
		if (strcmp(now, before))
			return true;
		usleep(LOOK_MS * 1000);
	}
	return false;
}

static bool move_by_systemd(const char *scope)
{
	char before[MEMBERSHIP_SIZE];

	read_membership(before);
	return ask_systemd(scope) && has_moved(before);
}
#else
static bool move_by_systemd(const char *scope)
{
	(void)scope;
	return false;
}
#endif

int cgroup_leave(const char *scope)
{
	return move_by_systemd(scope) ? 0 : leave_all();
}
