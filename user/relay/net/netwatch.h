/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watches the addresses, links and routes of this host for all threads of the relay, in a thread of
 * its own: reading thousands of addresses while they change takes a third of a second. Publishes the
 * addresses as one set that does not change, and counts changes. Must not know flows.
 *
 * The first change is read at once. While more follow, addresses are read ten times a second at
 * most, and changes of routes count once a second: a routing daemon may change thousands of them,
 * and nobody reads which ones.
 */
#ifndef TPROXY_RELAY_NET_NETWATCH_H
#define TPROXY_RELAY_NET_NETWATCH_H

#include "relay/net/localaddr.h"

struct netwatch;

/* Subscribes, and reads the addresses once. 0 or -errno; close with netwatch_close. */
int netwatch_open(struct netwatch **ret_watch);

/*
 * Starts the thread, which calls `changed` after it has published a change. err: 0, or -errno if
 * addresses could not be read; then the old ones stay, and it tries again. 0 or -errno.
 */
int netwatch_start(struct netwatch *w, void (*changed)(void *arg, int err), void *arg);

/* Ends the thread and frees everything but the sets that others hold. w may be NULL. */
void netwatch_close(struct netwatch *w);

/* Any thread. How many changes there were; read it before the set, which is then at least as new. */
uint32_t netwatch_changes(struct netwatch *w);

/* Any thread. The present addresses; the caller owns a reference. */
const struct local_set *netwatch_local(struct netwatch *w);
void netwatch_release(const struct local_set *set);

#endif
