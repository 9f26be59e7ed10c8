/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is sent on an onward connection before the client's bytes: the handshake with a proxy,
 * then the PROXY protocol's header. Reads nothing that belongs to the destination. Exists only
 * until it is done. Must not close sockets, nor know the other options.
 */
#ifndef TPROXY_RELAY_UPSTREAM_HANDSHAKE_H
#define TPROXY_RELAY_UPSTREAM_HANDSHAKE_H

#include "relay/config/proxy.h"

enum handshake_result {
	HANDSHAKE_WAIT,   /* for the socket's next edge */
	HANDSHAKE_DONE,   /* the destination is at the other end */
	HANDSHAKE_FAILED, /* handshake_error says how */
};

struct handshake;

/* Who talks to whom, and through what. */
struct handshake_want {
	const struct proxy *proxy;
	unsigned int proxy_protocol; /* version of the header, 0: none */
	const union saddr *client;
	const union saddr *dst;
};

/* NULL in *ret_handshake: nothing has to be sent. 0 or -ENOMEM. */
int handshake_new(const struct handshake_want *want, struct handshake **ret_handshake);

/* fd: connected and non-blocking. Continues until it would block. */
enum handshake_result handshake_run(struct handshake *h, int fd);

/* Positive errno. */
int handshake_error(const struct handshake *h);

/* The proxy that it is with, or NULL; h may be NULL. */
const struct proxy *handshake_proxy(const struct handshake *h);

/* h may be NULL. */
void handshake_free(struct handshake *h);

#endif
