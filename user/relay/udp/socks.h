/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow through a SOCKS5 server: owns the TCP connection that keeps the association alive, and
 * datagrams that wait until the server agrees; adds and removes the header of each datagram. Part
 * of a session. Must not know the messages of SOCKS5.
 */
#ifndef TPROXY_RELAY_UDP_SOCKS_H
#define TPROXY_RELAY_UDP_SOCKS_H

#include "relay/config/proxy.h"
#include "relay/udp/train.h"

struct session;
struct socks;

/* Starts to connect; sets s->socks, and s->up when the server agrees. 0 or -errno. */
int socks_open(struct session *s, const struct proxy *proxy);

/* The connection to the server once that has agreed, or -1. */
int socks_control(const struct socks *socks);

/* Takes over *control, which another process had; s->up is open. Sets s->socks. 0 or -errno. */
int socks_adopt(struct session *s, int *control);

/* socks may be NULL. */
void socks_close(struct socks *socks);

/* Sends the train, or keeps it until the server agrees; counts in it as lost what has no room. */
void socks_send(struct socks *socks, const union saddr *dst, struct train *t);

/* Removes the header. False: it is no datagram of an answer. */
bool socks_unwrap(const struct socks *socks, struct run *run, union saddr *ret_from);

#endif
