/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A state of an ABI before ours becomes one of this ABI. Maps whose layout is the same are
 * shared by both, pins and all; the others are made and filled from the old ones. The new
 * state is whole in the stage before a program moves over to it, and takes the old one's
 * place in one step: a process that is killed leaves the old state, to be migrated again, or the new.
 *
 * Kept: policy and idle policy, documents, deadline, roles, local addresses, pools, counters,
 * sockets, tickets, fragments, and the flows that began at a proxy.
 */
#ifndef TPROXY_KERNEL_MIGRATE_MIGRATE_H
#define TPROXY_KERNEL_MIGRATE_MIGRATE_H

#include "kernel/state/state.h"

struct migration {
	struct state *old; /* as state_open left it with -EPROTO; its pins point at the live maps */
	struct state next; /* in the stage */
	int vars;          /* the old programs' variables, or -1 */
	__u32 tags_at;     /* where the tags of `began` are in them */
	__u16 *tags;       /* as they were when they were copied; owned */
	bool kept_began;   /* flows that began at a proxy are still known */
	bool kept_idle;    /* there is a way back still, or there was none before */
	char why[PINDIR_WHY_LEN]; /* with -EUCLEAN, see pindir.h */
};

/* df_mark: for the new config. 0 or -errno; call migrate_close either way. */
int migrate_prepare(struct migration *m, struct state *old, __u32 df_mark);
/* The programs run on the new state's maps: it becomes *old. */
int migrate_publish(struct migration *m);
void migrate_close(struct migration *m);
#define __cleanup_migration __attribute__((cleanup(migrate_close)))

#endif
