/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP through the relay, for one thread: takes connections from its listeners, hands them to
 * conn_open, and owns what they share. Decides what happens when descriptors or memory run out:
 * reset a connection, or pause; never spin. Must not know what a connection does.
 */
#ifndef TPROXY_RELAY_TCP_ENGINE_H
#define TPROXY_RELAY_TCP_ENGINE_H

#include "relay/log/flowrecord.h"
#include "relay/loop/engine_context.h"
#include "tproxy.h"

struct tcp_engine;

/* Watches the thread's TCP listeners. 0 or -errno; close with tcp_close. */
int tcp_open(struct engine_context *ctx, struct tcp_engine **ret_engine);

/* Watches one more of the thread's listeners, after an earlier one was lost. 0 or -errno. */
int tcp_listen(struct tcp_engine *e, unsigned int row, enum tproxy_class cls);

/* There are connections, and a drain waits for them. */
bool tcp_busy(const struct tcp_engine *e);

/* Leaves what connects to the relay that takes over, until it does or is gone. */
void tcp_hold(struct tcp_engine *e, bool hold);

/* Takes what is already connected, unless that is held, and stops; the listeners may be closed afterwards. */
void tcp_drain(struct tcp_engine *e);

/* The set of local addresses is a new one: connections whose own address is gone end soon. */
void tcp_addresses_changed(struct tcp_engine *e);

/* Resets all connections. */
void tcp_end_all(struct tcp_engine *e, enum flow_end end);

/* e may be NULL. */
void tcp_close(struct tcp_engine *e);

#endif
