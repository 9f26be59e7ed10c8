/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who sends own traffic: user, group and cgroups of a process, as the programs for own traffic see
 * them. Reads and reports nothing; must not know rules of a policy beyond their owners.
 */
#ifndef TPROXY_LOADER_OWN_SENDER_H
#define TPROXY_LOADER_OWN_SENDER_H

#include <sys/types.h>

#include "policy/policy.h"
#include "policy/takes.h"

#define OWN_LEVELS 64 /* of nested cgroups */

struct own_sender {
	struct takes_sender takes; /* its cgroups are those below */
	__u64 cgroups[OWN_LEVELS];
};

/* The owners that a rule names, one of each kind; of others those of this process. 0 or -errno. */
int own_sender_find(const struct rule *named, struct own_sender *ret_sender);
/* Those of a process. 0 or -errno; -ESRCH: it is gone. */
int own_sender_of(pid_t pid, struct own_sender *ret_sender);

#endif
