/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds and removes leftovers that no other command would meet. A rule with our protocol number or
 * a program with our name may belong to another state that is in use: removes only what belongs to
 * none. Where the owner is unknown it removes nothing and prints the command to do so.
 */
#ifndef TPROXY_LOADER_STEPS_CLEAN_H
#define TPROXY_LOADER_STEPS_CLEAN_H

#include "loader/app/session.h"

/* *ret_doubts: how many things stay, as their owner is unknown. 0, or a reported -errno. */
int clean_leftovers(struct session *session, bool present, size_t *ret_doubts);
/*
 * Changes nothing: calls found with a few words for each thing that clean_leftovers would remove,
 * but for devices that are gone. 0 or -errno; may report an error.
 */
int clean_look(struct session *session, bool present, void (*found)(const char *what, void *arg),
	       void *arg);

/* Removes a pin directory that cannot be opened as a state. 0, or other after a reported error. */
int clean_broken(struct app *app);

#endif
