/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said on an onward connection before the client's bytes: the handshake
 * of a proxy, then the PROXY protocol's header. Reads nothing that belongs to
 * the destination. Exists only until it is done. Must not close sockets.
 */
#ifndef TPROXY_RELAY_UPSTREAM_HANDSHAKE_H
#define TPROXY_RELAY_UPSTREAM_HANDSHAKE_H

#include "relay/config/options.h"

enum preface_result {
	PREFACE_WAIT,	/* for the socket's next edge */
	PREFACE_DONE,	/* the destination is at the other end */
	PREFACE_FAILED, /* preface_error says how */
};

struct preface;

/* Nothing is to be said: *ret_preface is NULL. 0 or -ENOMEM. */
int preface_new(const struct options *o, const union saddr *client, const union saddr *dst,
		struct preface **ret_preface);

/* fd: connected and non-blocking; goes on until it would block. */
enum preface_result preface_run(struct preface *p, int fd);

/* Positive errno. */
int preface_error(const struct preface *p);

/* p may be NULL. */
void preface_free(struct preface *p);

#endif
