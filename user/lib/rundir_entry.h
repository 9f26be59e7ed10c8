/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names in the directory of rundir.h, and the files that have them: removes a name only while it is
 * the same file. Must not know what the files are.
 */
#ifndef TPROXY_LIB_RUNDIR_ENTRY_H
#define TPROXY_LIB_RUNDIR_ENTRY_H

#include <sys/types.h>

#define RUNDIR_NAME_MAX 92 /* with the zero: the path has to fit into struct sockaddr_un */

/* A file of the directory, whatever has its name later. */
struct rundir_entry {
	char name[RUNDIR_NAME_MAX];
	dev_t dev;
	ino_t ino;
};

/* 0 or -errno, such as -ENOENT. */
int rundir_find(const char *name, struct rundir_entry *ret_entry);

/* Removes it, unless another file has its name by now. 0 or -errno; -ESTALE: there is another. */
int rundir_remove(const struct rundir_entry *entry);

#endif
