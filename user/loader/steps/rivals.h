/* SPDX-License-Identifier: BSD-2-Clause */
/* Before a state is made: do its mark and table belong to nobody else in this namespace? */
#ifndef TPROXY_LOADER_STEPS_RIVALS_H
#define TPROXY_LOADER_STEPS_RIVALS_H

#include "loader/app/session.h"

/*
 * 0 when they are free; -EBUSY after a reported conflict with another state, with what is left
 * of one, or with somebody else's rules and routes; or a reported -errno. Rules that a state
 * with exactly this mark and table has left are no conflict: they become ours.
 */
int rivals_check(struct session *session, const struct tproxy_config *config);

#endif
