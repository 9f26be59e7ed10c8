/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps that attach own traffic and detach it, in their order; each may be repeated. The entry
 * of lo in the map of interfaces is written first and removed last. Flows that a proxy has are the
 * caller's affair.
 */
#ifndef TPROXY_LOADER_STEPS_OWN_OWN_H
#define TPROXY_LOADER_STEPS_OWN_OWN_H

#include "kernel/own/own_hook.h"
#include "loader/app/session.h"
#include "loader/steps/own/own_want.h"

/* Attaches, or repairs what is missing. *ret_changed also if it fails. 0, or a reported -errno. */
int own_on(struct session *session, const struct own_want *want, unsigned int *ret_changed);

/* No new flows: the hooks of connect and sendmsg go. */
int own_hooks_off(struct session *session);
/* All others: rules, routes, the program on lo, the last hook, maps, the entry. */
int own_rest_off(struct session *session);

/* The routes of tokens, which no other state needs. */
bool own_tokens_are_there(struct session *session);
int own_tokens_off(struct session *session);

/* Is it attached, perhaps in part? */
bool own_is_there(const struct session *session);

/* Every attachment gets the programs of this build, in place; *state has those of its own. */
int own_replace_build(struct session *session);

#endif
