/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections by their source address, as far as it is one of this host: when the address is gone,
 * and does not come back for a moment, no answer of the server can arrive any more, and neither side
 * would notice for a quarter of an hour. So the client is reset. A look costs no more than there are
 * source addresses. Must not know where addresses come from.
 */
#ifndef TPROXY_RELAY_TCP_SOURCES_H
#define TPROXY_RELAY_TCP_SOURCES_H

#include "relay/tcp/conn.h"

/* A DHCP client, or a network manager that restarts, removes an address and adds it again. */
#define SOURCES_PATIENCE_MS 2500

struct sources;

/* NULL: no memory. */
struct sources *sources_new(struct engine_context *ctx);

/* After all connections have ended. s may be NULL. */
void sources_free(struct sources *s);

/* c->source is set, and was chosen among the addresses of this host. Best effort. */
void sources_join(struct sources *s, struct conn *c);

/* The addresses of this host have changed. Ends connections in this turn and later ones. */
void sources_changed(struct sources *s);

#endif
