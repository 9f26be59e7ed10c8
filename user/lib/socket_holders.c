/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/socket_holders.h"

#include <ctype.h>
#include <stdlib.h>

#include "lib/util.h"

#define MAX_DESCRIPTORS                                                                            \
	2000000 /* that are read: some proxies with very many flows have this many */
/*
 * Programs open their listeners before they serve. Looked at first, so that no user can hide a listener
 * among descriptors of his own.
 */
#define FIRST_DESCRIPTORS 256

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

/* What is left to read of the host, and how much of each process. */
struct budget {
	size_t left, each;
};

static bool look_at(struct socket_holders *holders, const char *pid, struct budget *budget)
{
	__cleanup_dir DIR *dir = NULL;
	size_t left = budget->each;
	struct dirent *entry;
	bool holds = false;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	while (dir && left && budget->left && (entry = readdir(dir))) {
		left--;
		budget->left--;
		holds |= note_descriptor(holders, dirfd(dir), entry->d_name);
	}
	return holds;
}

static int add(struct socket_holders *holders, pid_t pid)
{
	for (size_t i = 0; i < holders->n; i++)
		if (holders->pids[i] == pid)
			return 0;
	if (array_room((void **)&holders->pids, holders->n, &holders->room, sizeof(*holders->pids)))
		return -ENOMEM;
	holders->pids[holders->n++] = pid;
	return 0;
}

static int look_at_all(struct socket_holders *holders, size_t each)
{
	struct budget budget = { .left = MAX_DESCRIPTORS, .each = each };
	__cleanup_dir DIR *proc = opendir("/proc");
	struct dirent *entry;
	int err = proc ? 0 : -errno;

	while (!err && budget.left && (entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    look_at(holders, entry->d_name, &budget))
			err = add(holders, (pid_t)atoi(entry->d_name));
	return err || budget.left ? err : -E2BIG;
}

static bool all_are_held(const struct socket_holders *holders)
{
	for (size_t i = 0; i < holders->n_inodes; i++)
		if (!holders->inodes[i].held)
			return false;
	return true;
}

int socket_holders_find(struct socket_holders *holders)
{
	int err;

	qsort(holders->inodes, holders->n_inodes, sizeof(*holders->inodes), by_inode);
	err = look_at_all(holders, FIRST_DESCRIPTORS);
	return (!err || err == -E2BIG) && !all_are_held(holders) ?
		       look_at_all(holders, MAX_DESCRIPTORS) :
		       err;
}

void socket_holders_free(struct socket_holders *holders)
{
	free(holders->pids);
	holders->pids = NULL;
	holders->n = holders->room = 0;
}
