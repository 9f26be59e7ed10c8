/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main thread's part in replacing listeners that died: closes them, asks the helper to open them
 * again, and gives the new ones to their threads. Says when there is no hope, and the relay should
 * end. Must not open sockets.
 */
#ifndef TPROXY_RELAY_MEND_H
#define TPROXY_RELAY_MEND_H

#include "relay/process/registrar.h"
#include "relay/thread.h"

struct mend {
	const struct options *options;
	struct listener_set *listeners;
	const struct registrar *registrar;
	struct relay_thread *threads; /* one for each worker of the set */
	uint64_t due;         /* ms of CLOCK_MONOTONIC: when the helper is too silent; 0: never */
	const char *hopeless; /* why the relay should end; NULL: it should not */
};

/* Threads have reported dead listeners. */
void mend_listeners(struct mend *m);

/* The helper has opened one, or failed to. */
void mend_answer(struct mend *m, const struct registrar_report *report);

/* Milliseconds until mend_check has to look whether the helper still works; -1: no need. */
int mend_wait(const struct mend *m);
void mend_check(struct mend *m);

/* The helper is gone: a listener that is missing now cannot be replaced. */
void mend_without_helper(struct mend *m);

#endif
