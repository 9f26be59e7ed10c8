/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/own/remade.h"

#include <limits.h>
#include <string.h>
#include <sys/inotify.h>

#include "lib/cgroup2.h"
#include "lib/util.h"

static void open_once(struct own_remade *remade)
{
	if (!remade->open)
		remade->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	remade->open = true;
}

/* The cgroup above tells. If that is not there either, the next look finds both. */
void own_remade_watch(struct own_remade *remade, const char *path)
{
	char parent[2 * PATH_MAX];
	size_t len;
	char *slash;

	open_once(remade);
	if (remade->fd < 0 || cgroup2_mount(parent, PATH_MAX))
		return;
	len = strlen(parent);
	snprintf(parent + len, sizeof(parent) - len, "%s", path);
	slash = strrchr(parent + len, '/');
	if (slash)
		*slash = '\0';
	inotify_add_watch(remade->fd, parent, IN_CREATE | IN_ONLYDIR);
}

int own_remade_fd(const struct own_remade *remade)
{
	return remade->open ? remade->fd : -1;
}

void own_remade_drain(const struct own_remade *remade)
{
	char buf[4096];

	while (own_remade_fd(remade) >= 0 && read(remade->fd, buf, sizeof(buf)) > 0)
		;
}

void own_remade_close(struct own_remade *remade)
{
	if (remade->open)
		cleanup_fd(&remade->fd);
	*remade = (struct own_remade){ 0 };
}
