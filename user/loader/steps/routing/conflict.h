/* SPDX-License-Identifier: BSD-2-Clause */
/* Before a state is made: are its mark and table free in this namespace? */
#ifndef TPROXY_LOADER_STEPS_ROUTING_CONFLICT_H
#define TPROXY_LOADER_STEPS_ROUTING_CONFLICT_H

#include "loader/app/session.h"

/*
 * 0 if they are free; -EBUSY after a reported conflict with another state, with what is left of
 * one, or with rules and routes of others; or a reported -errno. Rules that a dead state with
 * exactly this mark and table has left are no conflict: they become ours.
 */
int conflict_check(struct session *session, const struct tproxy_config *config);
/* The same for mark and table of own traffic, which the state does not have yet. */
int conflict_check_own(struct session *session, const struct route_key *key);

#endif
