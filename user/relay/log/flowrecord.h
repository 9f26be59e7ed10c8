/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow as the log reports it: who, where to, how much, and how it ended. Data only; must not
 * know how a record is written.
 */
#ifndef TPROXY_RELAY_LOG_FLOWRECORD_H
#define TPROXY_RELAY_LOG_FLOWRECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/net/addr.h"

/* X(symbol, name): how a flow ended. The names are part of the log's format. */
#define FLOW_ENDS(X)                                                                               \
	X(CLIENT_FIN, "client-fin")                                                                \
	X(SERVER_FIN, "server-fin")                                                                \
	X(CLIENT_RST, "client-rst")                                                                \
	X(SERVER_RST, "server-rst")                                                                \
	X(IDLE, "idle")                                                                            \
	X(HALF_CLOSED, "half-closed")                                                              \
	X(CONNECT_FAILED, "connect-failed")                                                        \
	X(CONNECT_TIMEOUT, "connect-timeout")                                                      \
	X(REFUSED, "refused")                                                                      \
	X(LIMIT, "limit")                                                                          \
	X(EVICTED, "evicted")                                                                      \
	X(KILLED, "killed")                                                                        \
	X(STALLED, "stalled")                                                                      \
	X(DRAIN, "drain")                                                                          \
	X(PATH_LOST, "path-lost")                                                                  \
	X(REUSED, "reused") /* audited flows only */                                               \
	X(ERROR, "error")

enum flow_end {
#define X(symbol, name) END_##symbol,
	FLOW_ENDS(X)
#undef X
		END_MAX
};

/* An address of family 0 is not known. */
struct flow_record {
	uint64_t id;
	uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP */
	union saddr client;
	union saddr dst;    /* original destination */
	union saddr server; /* the server of a pool's address; family 0: dst is no such address */
	union saddr source; /* ours, towards the destination */
	uint64_t bytes_up;  /* client to destination */
	uint64_t bytes_down;
	uint64_t datagrams_up; /* UDP only */
	uint64_t datagrams_down;
	uint64_t packets_up; /* TCP that is forwarded */
	uint64_t packets_down;
	uint64_t duration_ms;
	enum flow_end end;
	int err;            /* positive errno that caused the end, 0: none */
	const char *reason; /* why the flow was refused, or NULL */
	bool loop;          /* probably a flow of ours that came back */
	bool forwarded;     /* by the kernel, and audited: no socket of ours has it */
	bool relayed;       /* there was a way to the server, whether or not it answered */
};

/* Flows that ended without a record. */
struct flow_count {
	union saddr client; /* or its prefix, with port 0; family 0: several clients */
	uint8_t prefix6;    /* bits of an IPv6 client */
	enum flow_end end;
	uint64_t flows;
	uint64_t seconds; /* in this time */
};

/* The address that the flow is relayed to. */
static inline const union saddr *flow_goes_to(const struct flow_record *flow)
{
	return flow->server.sa.sa_family ? &flow->server : &flow->dst;
}

#endif
