/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the listeners of a recorded program transparent: in every process of the same user that
 * runs the same executable, so that workers are served, and processes after a restart. Chooses no
 * program.
 */
#ifndef TPROXY_LOADER_ADOPT_TAKE_H
#define TPROXY_LOADER_ADOPT_TAKE_H

#include "kernel/adopt/records.h"
#include "lib/listeners.h"
#include "loader/app/session.h"

/* Listeners at its port that are looked at. */
#define TAKE_MAX 256

struct take {
	struct session *session;
	struct records *records; /* the map must exist, except for dry_run of the session */
	const struct listeners *listeners;
	const struct record *record;
	const struct listener *wanted[TAKE_MAX];
	size_t n;
	size_t taken;
	pid_t pid; /* of the latest process where one was taken */
	int err;   /* reported */
};

/* Fills `wanted`; returns n. */
size_t take_look(struct take *take);
/* Takes what it can; what remains in `wanted` belongs to others. 0 or a reported -errno. */
int take_run(struct take *take);

#endif
