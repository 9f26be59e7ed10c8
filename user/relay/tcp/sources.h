/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows by their source address, as far as it is one of this host: when the address is gone, and
 * does not come back for a moment, no answer can arrive any more, and neither side would notice for
 * a quarter of an hour. A look costs no more than there are source addresses. Must not know where
 * addresses come from, nor end flows: it names them.
 */
#ifndef TPROXY_RELAY_TCP_SOURCES_H
#define TPROXY_RELAY_TCP_SOURCES_H

#include "relay/loop/worker.h"
#include "relay/net/localaddr.h"

/* A DHCP client, or a network manager that restarts, removes an address and adds it again. */
#define SOURCES_PATIENCE_MS 2500

struct sources;

/* Part of a flow. All zero: it has not joined. */
struct source_member {
	LIST_ENTRY(source_member) link;
};

/* lost: the address of this one is gone; the flow leaves in it. NULL: no memory. */
struct sources *sources_new(struct worker *w, void (*lost)(struct source_member *m, void *arg),
			    void *arg);

/* After all flows have left. s may be NULL. */
void sources_free(struct sources *s);

/*
 * source: chosen among the addresses of this host; local: these addresses, which must outlive the
 * turn. Best effort.
 */
void sources_join(struct sources *s, const struct local_set *local, const union saddr *source,
		  struct source_member *m);

static inline void sources_leave(struct source_member *m)
{
	if (m->link.le_prev)
		LIST_REMOVE(m, link);
	m->link.le_prev = NULL;
}

/* The addresses of this host are others now. *local stays valid until the next call. */
void sources_changed(struct sources *s, const struct local_set *local);

#endif
