/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a state of an older ABI one of this ABI. Both share the maps whose layout is the same,
 * pins and all; the others are made and filled from the old ones. The new state is complete in the
 * stage before a program moves over to it, and takes the old one's place in one step. A process
 * that is killed meanwhile leaves the old state, which can be migrated again, or the new one.
 *
 * Kept: the policy and the previous one, what was applied, the deadline, roles, local addresses,
 * pools, counters, sockets, tickets, fragments, and the flows that a proxy here has.
 */
#ifndef TPROXY_KERNEL_MIGRATE_MIGRATE_H
#define TPROXY_KERNEL_MIGRATE_MIGRATE_H

#include "kernel/migrate/migrate_flows.h"
#include "kernel/state/state.h"

struct migration {
	struct state *old; /* as state_open left it with -EPROTO; its pins are the live maps */
	struct state next; /* in the stage */
	struct migrate_flows flows;
	bool kept_flows;          /* flows that a proxy here has are still known */
	bool kept_idle;           /* a rollback is still possible, or was not before */
	char why[PINDIR_WHY_LEN]; /* with -EUCLEAN, see pindir.h */
};
#define MIGRATION_NONE                                                                             \
	(struct migration)                                                                         \
	{                                                                                          \
		.next = STATE_CLOSED, .flows = MIGRATE_FLOWS_NONE, .kept_flows = true              \
	}

/* df_mark: for the new config. 0 or -errno; call migrate_close either way. */
int migrate_prepare(struct migration *m, struct state *old, __u32 df_mark);
/* All programs run on the new state's maps: it becomes *old. */
int migrate_publish(struct migration *m);
void migrate_close(struct migration *m);
#define __cleanup_migration __attribute__((cleanup(migrate_close)))

#endif
