/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a socket, or a process, cannot be adopted: the end of a sentence, with the next step. Changes
 * nothing.
 */
#ifndef TPROXY_LOADER_ADOPT_REFUSAL_H
#define TPROXY_LOADER_ADOPT_REFUSAL_H

#include "kernel/adopt/process.h"
#include "kernel/adopt/socket.h"

#define REFUSAL_LEN 320

/* What is asked for; 0: any. */
struct refusal_place {
	__u16 port;
	__u8 protocol;
};

/* NULL: it can take flows that a rule gives it. */
const char *refusal_of_socket(const struct socket_info *info);
/* Of a process that has no such socket. Looks at all of them. buf: REFUSAL_LEN. Returns buf. */
char *refusal_of_process(const struct process *process, const struct refusal_place *place,
			 char *buf);
/* Of the errors of process_open and process_take_fd. */
const char *refusal_of_error(int err);

#endif
