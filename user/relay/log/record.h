/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the log says: one record for each flow, and the daemon's own messages, as
 * text or as JSON. The formatting functions are pure; record_flow and record_say
 * hand their lines to the sink. Must not decide what happens to a flow.
 */
#ifndef TPROXY_RELAY_LOG_RECORD_H
#define TPROXY_RELAY_LOG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "lib/util.h"
#include "relay/net/addr.h"

#define RECORD_MAX 1024           /* bytes of the longest line */
#define RECORD_REFUSALS_PER_S 100 /* that a thread writes; the others are only counted */

enum record_format { RECORD_TEXT, RECORD_JSON };

enum record_level { RECORD_DEBUG, RECORD_INFO, RECORD_WARN, RECORD_ERROR, RECORD_LEVEL_MAX };

extern const char *const record_level_names[RECORD_LEVEL_MAX];

/* X(symbol, name): how a flow ended. Names are part of the log's format. */
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
	X(DRAIN, "drain")                                                                          \
	X(ERROR, "error")

enum flow_end {
#define X(symbol, name) END_##symbol,
	FLOW_ENDS(X)
#undef X
		END_MAX
};

/* A flow as it is reported. Addresses of family 0 are not known. */
struct flow_record {
	uint64_t id;
	uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP */
	union saddr client;
	union saddr dst;    /* original destination */
	union saddr server; /* what the destination, a pool's address, stands for; else family 0 */
	union saddr source; /* ours, towards the destination */
	uint64_t bytes_up;  /* client to destination */
	uint64_t bytes_down;
	uint64_t datagrams_up; /* UDP only */
	uint64_t datagrams_down;
	uint64_t duration_ms;
	enum flow_end end;
	int err;            /* positive errno behind the end, 0: none */
	const char *reason; /* why a flow was refused, or NULL */
	bool loop;          /* it is probably a flow of ours that came back */
};

/* Where the flow goes. */
static inline const union saddr *flow_goes_to(const struct flow_record *flow)
{
	return flow->server.sa.sa_family ? &flow->server : &flow->dst;
}

/* Each returns the length of the line in buf (RECORD_MAX bytes), newline included. */
size_t record_format_end(enum record_format format, const struct timespec *now,
			 const struct flow_record *flow, char *buf);
size_t record_format_start(enum record_format format, const struct timespec *now,
			   const struct flow_record *flow, char *buf);
size_t record_format_message(enum record_format format, const struct timespec *now,
			     enum record_level level, const char *text, char *buf);

/* Before any of the functions below. path NULL: standard output. 0 or -errno. */
int record_open(const char *path, enum record_format format, enum record_level level);

/* Safe in any thread; never block. */
void record_flow_start(const struct flow_record *flow); /* level debug */
void record_flow_end(const struct flow_record *flow);   /* level info */
void record_say(enum record_level level, const char *fmt, ...) __printf(2, 3);

#endif
