/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said on an onward connection before the client's bytes: the handshake
 * of a proxy, then the PROXY protocol's header. Reads nothing that belongs to
 * the destination. Exists only until it is done. Must not close sockets.
 */
#ifndef TPROXY_RELAY_UPSTREAM_HANDSHAKE_H
#define TPROXY_RELAY_UPSTREAM_HANDSHAKE_H

#include "relay/config/options.h"

enum handshake_result {
	HANDSHAKE_WAIT,   /* for the socket's next edge */
	HANDSHAKE_DONE,   /* the destination is at the other end */
	HANDSHAKE_FAILED, /* handshake_error says how */
};

struct handshake;

/* Nothing is to be said: *ret_preface is NULL. 0 or -ENOMEM. */
int handshake_new(const struct options *o, const union saddr *client, const union saddr *dst,
		  struct handshake **ret_preface);

/* fd: connected and non-blocking; goes on until it would block. */
enum handshake_result handshake_run(struct handshake *p, int fd);

/* Positive errno. */
int handshake_error(const struct handshake *p);

/* p may be NULL. */
void handshake_free(struct handshake *p);

#endif
