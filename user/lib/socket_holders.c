/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/socket_holders.h"

#include <ctype.h>
#include <stdlib.h>

#include "lib/util.h"

#define MAX_DESCRIPTORS                                                                            \
	2000000 /* that are read: some proxies with very many flows have this many */

static int by_inode(const void *a, const void *b)
{
	const struct socket_inode *l = a, *r = b;

	return l->inode < r->inode ? -1 : l->inode > r->inode;
}

/* Is this descriptor one of the sockets? */
static bool note_descriptor(struct socket_holders *holders, int dir, const char *name)
{
	struct socket_inode key = { 0 }, *found;
	char target[64];
	ssize_t len = readlinkat(dir, name, target, sizeof(target) - 1);

	target[len < 0 ? 0 : len] = '\0';
	if (sscanf(target, "socket:[%u]", &key.inode) != 1)
		return false;
	found = bsearch(&key, holders->inodes, holders->n_inodes, sizeof(key), by_inode);
	if (found)
		found->held = true;
	return found;
}

static bool look_at(struct socket_holders *holders, const char *pid, size_t *descriptors)
{
	__cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	bool holds = false;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	while (dir && *descriptors < MAX_DESCRIPTORS && (entry = readdir(dir))) {
		(*descriptors)++;
		holds |= note_descriptor(holders, dirfd(dir), entry->d_name);
	}
	return holds;
}

int socket_holders_find(struct socket_holders *holders)
{
	__cleanup_dir DIR *proc = opendir("/proc");
	size_t descriptors = 0;
	struct dirent *entry;

	if (!proc)
		return -errno;
	qsort(holders->inodes, holders->n_inodes, sizeof(*holders->inodes), by_inode);
	while ((entry = readdir(proc)) && descriptors < MAX_DESCRIPTORS) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !look_at(holders, entry->d_name, &descriptors))
			continue;
		if (array_room((void **)&holders->pids, holders->n, &holders->room,
			       sizeof(*holders->pids)))
			return -ENOMEM;
		holders->pids[holders->n++] = (pid_t)atoi(entry->d_name);
	}
	return descriptors < MAX_DESCRIPTORS ? 0 : -E2BIG;
}

void socket_holders_free(struct socket_holders *holders)
{
	free(holders->pids);
	holders->pids = NULL;
	holders->n = holders->room = 0;
}
