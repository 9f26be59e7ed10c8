/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the UDP engine share; nobody else includes this.
 *
 *            listener ─┐                        ┌─ up: connected to the destination,
 *   (assigned by tc)   ├─► udp.c ─► session ────┤  or to a SOCKS server (udpsocks.c)
 *   direct socket ─────┘   dispatch (udpsession)├─ reply socket (reply.c): sends only, shared
 *   (udpdirect.c),                              │  by all flows of one port
 *   of one busy flow                            └─ source: caps (udpsource.c)
 *
 * A session is found by client and original destination in a hash table. It is in
 * exactly one of two queues, answered or not, the longest idle first: that is the
 * order of eviction. Its single timer looks when the latest datagram was.
 *
 * A quiet flow has one socket, `up`. What the client sends comes through the
 * listener; answers leave through the reply socket of the destination's port. A busy flow
 * is promoted: a socket of its own, bound to the destination and connected to the
 * client, takes the client's datagrams without a policy look-up and in runs
 * (UDP_GRO), and sends without a route look-up. Its number for each destination is
 * bounded, since all sockets on one address and port share a hash chain.
 *
 * Datagrams leave in trains (udptrain.c): all that one read brought of one flow.
 */
#ifndef TPROXY_RELAY_UDP_SESSION_H
#define TPROXY_RELAY_UDP_SESSION_H

#include "relay/admit/limits.h"
#include "relay/process/listener.h"
#include "relay/udp/reply.h"
#include "relay/udp/engine.h"
#include "relay/udp/path.h"
#include "relay/udp/source.h"
#include "relay/udp/train.h"

struct direct;
struct icmp_quote;
struct socks;
struct rawicmp;

/* One direction of a flow. */
struct lane {
	uint64_t bytes;
	uint64_t datagrams;
	uint32_t gso_limit;
	struct ip_fields fields; /* that its own socket has now */
};

struct session {
	struct io up; /* towards the original destination */
	struct free_later free_later;
	LIST_ENTRY(session) link; /* bucket */
	TAILQ_ENTRY(session) lru; /* of the queue of `answered` */
	struct source_link source_link;
	TAILQ_ENTRY(session) promote; /* if wants_promotion */
	struct udp_engine *e;
	struct reply *reply;   /* NULL until something is sent to the client */
	struct direct *direct; /* NULL: not promoted */
	struct socks *socks;   /* NULL: straight to the destination */
	struct timer timer;
	bool answered;
	bool wants_promotion;
	bool no_promotion;
	bool tuned;          /* `up` expects a lot */
	bool loop;           /* it is probably a flow of ours that came back */
	bool df_unseen;      /* it is not known whether answers forbid fragments */
	bool unfiltered;     /* `up` may hold answers from before it got the filter of udppath.h */
	uint32_t drops;      /* of `up`, when last looked at */
	uint32_t client_mtu; /* of the path, once something was too big; else 0 */
	uint32_t window_count; /* datagrams of this window, both ways */
	uint64_t window;       /* ms: its begin */
	uint64_t id;
	uint64_t begin; /* ms */
	uint64_t last;  /* ms */
	uint64_t told;  /* ms: when the latest error of unknown TTL was passed on */
	struct lane to_dst;
	struct lane to_client;
	union saddr client;
	union saddr dst; /* full cone: the first one; the key has port 0 then */
	union saddr to;  /* dst, or the server that it stands for */
	union saddr source;
	struct limits_ticket ticket;
};

struct udp_listener {
	struct io io; /* borrowed from the worker, but for icmp_listeners */
	struct udp_engine *e;
};

LIST_HEAD(session_list, session);
TAILQ_HEAD(session_queue, session);
TAILQ_HEAD(direct_queue, direct);

#define SESSION_BUCKETS 32768
#define DIRECT_BUCKETS 8192 /* destinations that share one count as one */

struct udp_engine {
	struct engine_context *ctx;
	struct worker *w; /* that of ctx */
	struct batch *batch;
	struct train train; /* empty but while a batch is being worked off */
	struct reply_table *replies;
	struct source_table *sources;
	struct path_table *paths;
	struct rawicmp *icmp; /* NULL: not needed so far */
	bool full_cone;
	bool keep;              /* see udp_keep */
	unsigned int count;     /* sessions */
	unsigned int queued[2]; /* in lru[] */
	unsigned int max;
	unsigned int direct_count; /* retired ones too */
	unsigned int direct_max;
	unsigned int direct_max_per_dst;
	uint16_t directs_at[DIRECT_BUCKETS]; /* those with a flow, by destination */
	unsigned int retired_count;
	struct timer drain_timer;
	unsigned int listener_count;
	struct udp_listener listeners[LISTENER_ROWS * 2];
	struct udp_listener icmp_listeners[2];
	uint32_t seed;
	struct session_queue lru[2];  /* by `answered` */
	struct session_queue promote; /* wait for the end of the batch */
	struct direct_queue directs;
	struct session_list buckets[SESSION_BUCKETS];
};

/* `up` has the filter of udppath.h. */
static inline bool session_is_filtered(const struct session *s)
{
	return s->client_mtu && s->df_unseen;
}

/* --- udp.c --- */

/* What came to a listener: the batch says where it was going. */
void engine_dispatch(struct udp_engine *e, int n);

/* What came to a socket of one flow; datagrams of anybody else are none of ours. */
void engine_dispatch_flow(struct udp_engine *e, int n, const union saddr *client,
			  const union saddr *dst);

/* One hop passed, as at a router. False: this was the last one, the datagram must not go on. */
bool engine_count_hop(const struct udp_engine *e, struct ip_fields *fields);

/* Reads everything that the listeners hold by now. */
void engine_empty_listeners(struct udp_engine *e);

/* --- udpsession.c --- */

struct session *session_find(struct udp_engine *e, const union saddr *client,
			     const union saddr *dst);

/* For a flow that was admitted; makes room if it must. 0 or -errno. */
int session_open(struct udp_engine *e, const struct flow_record *record,
		 struct session **ret_session);

/* The only way out. err: positive errno for the record, or 0. */
void session_finish(struct session *s, enum flow_end end, int err);

/* A datagram of the client, and one of the destination. */
void session_touch(struct session *s);
void session_answered(struct session *s);

void session_set_timer(struct session *s);

/* Larger buffers and runs, of a socket and of the one towards the destination. */
void socket_expect_bulk(int fd);
void session_expect_bulk(struct session *s);

/* One more socket is needed and there is none: ends the flow that will be missed least. */
bool session_evict(struct udp_engine *e);

struct flow_record session_record(const struct session *s);

/* --- udprelay.c: datagrams of one session, through e->train --- */

/* Adds to the train; sends what does not fit. False: the session has ended. */
bool session_to_dst(struct session *s, const union saddr *dst, struct run run);
bool session_flush_to_dst(struct session *s, const union saddr *dst);

/*
 * The filter of udppath.h drops in silence: the destination is to learn again, if it must, that
 * something was too big.
 */
void session_review_drops(struct session *s);

/* The socket towards the destination is readable or has an error. */
void session_ready(struct io *io, uint32_t events);

/* Something was too big for the way to the client, whose MTU is this. */
void session_narrow(struct session *s, uint32_t mtu);

/* --- udpdirect.c --- */

/* Between batches, when no pointer into e->batch is in use. */
void direct_promote_waiting(struct udp_engine *e);

/* Asks for promotion when the flow is busy. */
void direct_count_datagrams(struct session *s, unsigned int n);

/* Back to the shared socket; no datagram that is on its way gets lost. */
void direct_demote(struct session *s);

/*
 * Promote the flows that have room, since no datagrams will come by way of the listeners any
 * more: those that were busy lately, or all. direct_keep_all returns how many had no room.
 */
void direct_keep_busy(struct udp_engine *e);
unsigned int direct_keep_all(struct udp_engine *e);

/* The opposite, for good. */
void direct_demote_all(struct udp_engine *e);

/* From time to time: demotes a flow that has turned quiet. */
void direct_review(struct session *s);

/* The lane to_client has its fields. */
int direct_fd(const struct direct *d);
void direct_close_all(struct udp_engine *e);

/* --- udperror.c --- */

/*
 * Takes the errors that wait on the socket towards the destination, err among them (positive
 * errno, or 0), and passes ICMP on to the client. False: that ended the session. ret_mtu is set if
 * a datagram was too big to leave here: that of the path.
 */
bool error_take_server(struct session *s, int err, uint32_t *ret_mtu);

/*
 * The same for a socket on an original destination, dst: errors about answers, which may be of
 * any of its flows, are passed on to the destination. False: that ended s (which may be NULL).
 */
bool error_take_client(struct udp_engine *e, int fd, const union saddr *dst,
		       const struct session *s, uint32_t *ret_mtu);

/* The same for an ICMP error of `reporter` that no socket got. ttl: to send it with, or 0. */
void error_take_quoted(struct udp_engine *e, const struct icmp_quote *quote,
		       const union saddr *reporter, uint8_t ttl);

/* No way to the destination: as a router would, tells the client. err: positive errno. */
void error_send_unreachable(struct udp_engine *e, const union saddr *client, const union saddr *dst,
			    int err);

/* Where a datagram could not go on: the path's MTU, and the device of its sender, or 0. */
struct path_limit {
	uint32_t mtu;
	int device;
};

/* Too big, and not to be fragmented, for the way to dst: as a router would, tells the sender. */
void error_send_too_big(struct udp_engine *e, const union saddr *sender, const union saddr *dst,
			const struct path_limit *end);

/* Its TTL has run out here: as a router would, tells the sender, by device or 0: any. */
void error_send_expired(struct udp_engine *e, const union saddr *sender, const union saddr *dst,
			int device);

/* --- udpicmp.c --- */

/* Listens for ICMP errors about answers. Best effort. */
void icmp_open(struct udp_engine *e);
void icmp_close(struct udp_engine *e);

#endif
