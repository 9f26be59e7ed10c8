/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow that goes through a SOCKS 5 server: the connection that keeps the association
 * alive, datagrams that wait for it, and the header of each. Belongs to a session.
 */
#ifndef TPROXY_RELAY_UDP_SOCKS_H
#define TPROXY_RELAY_UDP_SOCKS_H

#include "relay/udp/train.h"

struct session;
struct socks;

/* Begins to associate; sets s->socks, and s->up when the server has agreed. 0 or -errno. */
int socks_open(struct session *s);

/* socks may be NULL. */
void socks_close(struct socks *socks);

/* Sends the train, or keeps it for later; what cannot be is counted in it as lost. */
void socks_send(struct socks *socks, const union saddr *dst, struct train *t);

/* Cuts the header off. False: the datagram is not one of the server. */
bool socks_unwrap(struct socks *socks, const union saddr *from, struct run *run,
		  union saddr *ret_from);

#endif
