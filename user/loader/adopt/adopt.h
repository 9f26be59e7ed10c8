/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Adopts a running program: its listeners become transparent, so that rules can name them, and are
 * recorded, so that `watch` follows restarts and `release` undoes it. The program itself is neither
 * changed nor restarted.
 */
#ifndef TPROXY_LOADER_ADOPT_ADOPT_H
#define TPROXY_LOADER_ADOPT_ADOPT_H

#include "kernel/adopt/process.h"
#include "lib/parse.h"
#include "loader/app/session.h"

struct adopt_want {
	pid_t pid;
	__u16 port;       /* 0: the only one where it listens */
	__u8 protocol;    /* 0: both */
	const char *rule; /* gets the listener as its proxy; NULL: none */
	bool original_dst;
};

struct adopted_result {
	struct endpoint proxy; /* by which a rule finds it */
	size_t remarks;        /* reported: what will not work */
};

/* An enum exit_code; reports. */
int adopt_process(struct session *session, const struct adopt_want *want,
		  struct adopted_result *ret_result);

#endif
