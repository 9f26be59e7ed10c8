/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes connections from one worker's TCP listeners and hands them to conn. Owns
 * what happens when descriptors or memory run out: shed a connection with RST,
 * or pause; never spin. The listeners themselves belong to the worker.
 */
#ifndef TPROXY_RELAY_TCP_ENGINE_H
#define TPROXY_RELAY_TCP_ENGINE_H

#include "relay/loop/worker.h"

struct acceptors;

/* 0 or -errno; close with acceptors_close. */
int acceptors_open(struct worker *w, struct acceptors **ret_acceptors);

/* Takes what is already connected and stops; the listeners may be closed afterwards. */
void acceptors_drain(struct acceptors *a);

/* a may be NULL. */
void acceptors_close(struct acceptors *a);

#endif
