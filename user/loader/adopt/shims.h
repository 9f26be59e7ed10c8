/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program that answers SO_ORIGINAL_DST, as commands switch it on and off: shows the steps, and
 * says whom else a cgroup concerns.
 */
#ifndef TPROXY_LOADER_ADOPT_SHIMS_H
#define TPROXY_LOADER_ADOPT_SHIMS_H

#include "kernel/adopt/records.h"
#include "loader/app/session.h"

/* path: as shim_path writes it. 0 or a reported -errno. */
int shims_on(struct session *session, const char *path, bool adopted);
int shims_off(struct session *session, const char *path);

/*
 * For the cgroup of a process, which is noted in its record. Counts what is worth a remark in
 * *remarks. 0 or a reported -errno.
 */
int shims_adopt(struct session *session, const struct process *process, struct records *records,
		const struct record *record, size_t *remarks);
/*
 * Ends those that were made for this record, and that no other one needs. 0 or a reported -errno.
 */
int shims_release(struct session *session, const struct records *records,
		  const struct record *record);

#endif
