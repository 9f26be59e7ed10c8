/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one header that the files of the UDP engine share: they call each other in a circle, since
 * an error, a full table or a busy moment can end or move the flow whose datagrams are being sent.
 * No file outside udp/ includes it; engine.h is for them.
 *
 *   client                                                                  destination
 *     │                                                                          ▲ │
 *     │  datagrams            engine.c             session.c          relay.c    │ │
 *     ├─► listener ─────────► finds or opens ────► struct session ──► `up` ──────┘ │ answers
 *     │   (tc assigns it)     the session      lanes.h has them       socks.c wraps│
 *     │                           ▲                by client          for a proxy  │
 *     ├─► direct socket ──────────┘                                                │
 *     │   (direct.c), of one busy flow                                relay.c      │
 *     │                                                                  │ ◄───────┘
 *     ◄── direct socket, or reply socket (reply.c) of the port ◄─────────┘
 *
 *   ICMP errors of either side: error.c reads them from the sockets, icmp.c receives those that no
 *   socket gets, and error.c sends them to the other side. path.c remembers narrow paths.
 *   renew.c gives a flow another socket `up` when its source address or its route changed.
 *   batch.c reads many datagrams at once; train.c sends those of one flow together. listener.c
 *   watches the listeners, and notices when one is dead.
 *
 * A session is found by client and original destination in a hash table. It is in one of two
 * queues, of flows with and without an answer, the longest idle first, and in the lane of its
 * client. Its only timer compares with the time of the latest datagram.
 *
 * A quiet flow has one socket of its own, `up`. The client's datagrams come through the listener;
 * answers leave through the reply socket of the destination's port. A busy flow is promoted: it
 * gets a direct socket, which is bound to the destination and connected to the client. That one
 * receives runs (UDP_GRO) without a look-up in the policy, and sends without a look-up of the
 * route. The number of direct sockets for each destination is bounded, since all sockets on one
 * address and port share a hash chain.
 */
#ifndef TPROXY_RELAY_UDP_SESSION_H
#define TPROXY_RELAY_UDP_SESSION_H

#include "lib/netlink.h"
#include "relay/admit/budget.h"
#include "relay/admit/lanes.h"
#include "relay/process/listener.h"
#include "relay/udp/engine.h"
#include "relay/udp/path.h"
#include "relay/udp/reply.h"
#include "relay/udp/train.h"

struct direct;
struct egress;
struct former;
struct icmp_quote;
struct rawicmp;
struct socks;
struct travel;
struct upstream;

/* One direction of a flow. */
struct direction {
	uint64_t bytes;
	uint64_t datagrams;
	uint32_t gso_limit;
	struct ip_fields fields; /* that its own socket sends now */
};

struct session {
	struct io up; /* towards the destination */
	struct free_later free_later;
	struct flow_member member;
	LIST_ENTRY(session) link;  /* bucket */
	TAILQ_ENTRY(session) idle; /* in one of the two queues, by `answered` */
	struct flow_link flow;
	TAILQ_ENTRY(session) promotion; /* if wants_promotion */
	struct udp_engine *e;
	struct reply *reply;   /* NULL until something is sent to the client */
	struct direct *direct; /* NULL: not promoted */
	struct socks *socks;   /* NULL: without a SOCKS server */
	struct former *former; /* the `up` before this one, for late answers; or NULL */
	struct timer timer;
	bool answered;
	bool wants_promotion;
	bool no_promotion;
	bool tuned;      /* `up` has large buffers */
	bool no_way;     /* it has to end: its destination is to be reached in another way */
	bool own_source; /* see upstream/own_source.h */
	bool loop;       /* probably a flow of ours that came back */
	bool df_unseen;  /* we cannot see whether answers forbid fragments */
	bool exported;   /* another relay has it, too: see travel.c */
	bool ended;      /* since then, and how */
	enum flow_end late_end;
	int late_err;
	unsigned int place;    /* in e->travel */
	uint16_t door;         /* port of the listener that it came by */
	bool unfiltered;       /* `up` may hold answers from before it got the filter of path.h */
	uint32_t path_changes; /* of ctx, when renew.c looked at the path */
	uint64_t path_looked;  /* ms: the latest look */
	uint32_t drops;        /* of `up`, at the last review */
	uint32_t client_mtu;   /* of the path, once something was too big; else 0 */
	uint32_t window_count; /* datagrams of this window, both ways */
	uint64_t window;       /* ms: its start */
	uint64_t id;
	uint64_t begin;      /* ms */
	uint64_t last;       /* ms: of the latest datagram */
	uint64_t error_sent; /* ms: of the latest ICMP error whose TTL was not known */
	struct direction to_dst;
	struct direction to_client;
	union saddr client;
	union saddr dst; /* full cone: the first one; the key has port 0 then */
	union saddr to;  /* dst, or the server if dst is a pool's address */
	union saddr source;
};

struct udp_listener {
	struct io io; /* icmp_listeners own the descriptor, the others borrow it; -1: none */
	struct udp_engine *e;
	unsigned int row;
	enum tproxy_class cls;
	uint16_t door;         /* its port */
	unsigned int failures; /* reads in a row */
};

LIST_HEAD(session_list, session);
TAILQ_HEAD(session_queue, session);
TAILQ_HEAD(direct_queue, direct);

/* Sessions, the longest idle first. */
struct idle_queue {
	struct session_queue sessions;
	unsigned int count;
};

#define SESSION_BUCKETS 32768
#define DIRECT_BUCKETS 8192 /* destinations in the same bucket count as one */

struct udp_engine {
	struct engine_context *ctx;
	struct worker *w; /* that of ctx */
	struct batch *batch;
	struct train train; /* empty except while a batch is relayed */
	struct reply_table *replies;
	struct path_table *paths;
	struct rawicmp *icmp; /* NULL: not needed so far */
	bool full_cone;
	bool keeping;    /* see udp_keep */
	bool held;       /* see udp_hold */
	bool given_away; /* see udp_export_done */
	uint16_t door;   /* port of the listener that was read last */
	struct budget_share descriptors;
	unsigned int count; /* sessions */
	unsigned int max;
	unsigned int max_per_source;
	unsigned int direct_count; /* with retired ones */
	unsigned int direct_max;
	unsigned int direct_max_per_dst;
	uint16_t directs_at[DIRECT_BUCKETS]; /* without retired ones, by destination */
	unsigned int retired_count;
	unsigned int former_count;
	struct travel *travel;   /* NULL: no hand-over is under way */
	struct nl routes;        /* to ask for routes */
	struct timer path_timer; /* reports to the log which flows renew.c has moved */
	struct timer drain_timer;
	struct timer look_timer; /* for dead listeners, see listener.c */
	struct udp_listener listeners[LISTENER_ROWS * 2];
	struct udp_listener icmp_listeners[2];
	uint32_t seed;
	struct idle_queue unanswered; /* sessions that have had no answer yet */
	struct idle_queue answered;
	struct session_queue promotions; /* sessions to promote after this batch */
	struct direct_queue directs;
	struct session_list buckets[SESSION_BUCKETS];
};

/* `up` has the filter of path.h. */
static inline bool session_is_filtered(const struct session *s)
{
	return s->client_mtu && s->df_unseen;
}

/* ---- engine.c ----------------------------------------------------------- */

/* Relays the n runs of a listener's batch; each of them says where it was going. */
void engine_dispatch(struct udp_engine *e, int n);

/* Relays the n runs of a batch of one flow's socket; drops datagrams of other clients. */
void engine_dispatch_flow(struct udp_engine *e, int n, const union saddr *client,
			  const union saddr *dst);

/* Counts one hop, as a router does. False: it was the last one; drop the datagram. */
bool engine_count_hop(const struct udp_engine *e, struct ip_fields *fields);

/* ---- listener.c --------------------------------------------------------- */

/* It has the listener with this port. */
bool engine_has_door(const struct udp_engine *e, sa_family_t family, uint16_t door);

/* Reads everything that the listeners hold now. */
void engine_empty_listeners(struct udp_engine *e);

/* Watches the listeners of the thread. 0 or -errno. */
int listener_watch_all(struct udp_engine *e);

/* From now on they are not read. */
void listener_leave_all(struct udp_engine *e);

/* hold: what arrives stays in them. */
void listener_hold_all(struct udp_engine *e, bool hold);

/* ---- session.c ---------------------------------------------------------- */

struct session *session_find(struct udp_engine *e, const union saddr *client,
			     const union saddr *dst);

/* For a flow that was admitted to this lane; makes room if necessary. 0 or -errno. */
int session_open(struct udp_engine *e, const struct flow_record *record, struct lane *lane,
		 struct session **ret_session);

/* Puts a session into the tables, once it has its id, its addresses and its counts. */
void session_enter(struct session *s);

/* The only way to end a session. err: positive errno for the record, or 0. */
void session_finish(struct session *s, enum flow_end end, int err);

/* Another relay has it, with the same sockets: ends it here without a trace. */
void session_leave(struct session *s);

/* The client has sent a datagram; the destination has answered. */
void session_touch(struct session *s);
void session_answered(struct session *s);

void session_set_timer(struct session *s);

/* How flows of this client to dst leave, by the settings of this turn. */
struct egress *session_egress(struct udp_engine *e, const union saddr *client,
			      const union saddr *dst);

/* Larger buffers for a socket; for the one towards the destination runs as well, if possible. */
void socket_expect_bulk(int fd);
void session_expect_bulk(struct session *s);

/* The path to the client is no wider than mtu. */
void session_narrow(struct session *s, uint32_t mtu);

/* ---- member.c ----------------------------------------------------------- */

struct flow_record session_record(const struct session *s);
extern const struct flow_ops session_flow_ops;

/* ---- evict.c ------------------------------------------------------------ */

/* Makes room for a flow of this client, and takes its descriptors. False: there are none. */
bool session_take_room(struct udp_engine *e, const struct lane *lane);

/* Ends the flow that makes room for one of the newcomer. False: there is none. */
bool session_make_room(struct udp_engine *e, const struct lane *newcomer);

/* It depends on an address of this host. */
bool session_has_own_source(const struct session *s);

/* ---- onward.c ----------------------------------------------------------- */

/* The caller owns ret_up->fd. 0 or -errno. */
int onward_open(struct udp_engine *e, const union saddr *client, const union saddr *dst,
		struct upstream *ret_up);

/* ---- relay.c: datagrams of one session, through e->train ---------------- */

/* Adds to the train; sends when it is full. False: the session has ended. */
bool session_to_dst(struct session *s, const union saddr *dst, struct run run);
bool session_flush_to_dst(struct session *s, const union saddr *dst);

/*
 * The filter of path.h drops silently: if it dropped an answer, reports to the destination once
 * more that something was too big.
 */
void session_review_drops(struct session *s);

/* The socket towards the destination is readable, or has an error. */
void session_ready(struct io *io, uint32_t events);

/* The same for the socket that it had before. */
void session_read_former(struct session *s, int fd);

/* ---- renew.c ------------------------------------------------------------ */

/* Addresses or routes have changed: renews the socket if the flow needs it. Looks now and then. */
void session_review_path(struct session *s);

/* A send failed, err: -errno. True: the flow has another socket, try again. */
bool session_path_failed(struct session *s, int err);

/* f may be NULL. */
void former_close(struct former *f);

/* The callback of path_timer. */
void renew_report(struct timer *timer);

/* ---- direct.c ----------------------------------------------------------- */

/* To be called between batches, when no pointer into e->batch is in use. */
void direct_promote_waiting(struct udp_engine *e);

/* Asks for promotion when the flow is busy. */
void direct_count_datagrams(struct session *s, unsigned int n);

/* Back to the shared socket, without losing a datagram that is on its way. */
void direct_demote(struct session *s);

/*
 * Promote the flows that have room, for a time when no more datagrams come through the listeners:
 * those that were busy lately, or all. direct_keep_all returns how many had no room.
 */
void direct_keep_busy(struct udp_engine *e);
unsigned int direct_keep_all(struct udp_engine *e);

/* Takes over *fd, the direct socket that the flow had in another process. 0 or -errno. */
int direct_adopt(struct session *s, int *fd);

/* Another process has the same socket: closes it here, but leaves it where it is. */
void direct_leave(struct session *s);

/* Relays what retired sockets hold, and closes them. */
void direct_empty_retired(struct udp_engine *e);

/* The opposite; no flow is promoted after it. */
void direct_demote_all(struct udp_engine *e);

/* Demotes a flow that has become quiet. */
void direct_review(struct session *s);

/* The direction to_client has the fields of this socket. */
int direct_fd(const struct direct *d);
void direct_close_all(struct udp_engine *e);

/* ---- travel.c ----------------------------------------------------------- */

void travel_forget(struct session *s);

/* ---- error.c ------------------------------------------------------------ */

/*
 * Reads the errors that wait on the socket towards the destination, err among them (positive
 * errno, or 0), and forwards ICMP errors to the client. False: the session has ended. *ret_mtu is
 * set if a datagram was too big to leave: the MTU of its path.
 */
bool error_take_server(struct session *s, int err, uint32_t *ret_mtu);

/*
 * The same for a socket on an original destination, dst: errors about answers, perhaps of several
 * flows, are forwarded to the destination. False: s (which may be NULL) has ended.
 */
bool error_take_client(struct udp_engine *e, int fd, const union saddr *dst,
		       const struct session *s, uint32_t *ret_mtu);

/* The same for an ICMP error of `reporter` that no socket got. ttl: to send it with, or 0. */
void error_take_quoted(struct udp_engine *e, const struct icmp_quote *quote,
		       const union saddr *reporter, uint8_t ttl);

/* The path's MTU where a datagram did not fit, and the device of its sender, 0: any. */
struct path_limit {
	uint32_t mtu;
	int device;
};

/*
 * Errors that we report to the sender of a datagram, as a router would: there is no route (err:
 * positive errno); it is too big for the path and forbids fragments; its TTL has run out here.
 */
void error_send_unreachable(struct udp_engine *e, const union saddr *client, const union saddr *dst,
			    int err);
void error_send_too_big(struct udp_engine *e, const union saddr *sender, const union saddr *dst,
			const struct path_limit *limit);
void error_send_expired(struct udp_engine *e, const union saddr *sender, const union saddr *dst,
			int device);

/* ---- icmp.c ------------------------------------------------------------- */

/* Listens for ICMP errors about answers. Best effort. */
void icmp_open(struct udp_engine *e);
void icmp_close(struct udp_engine *e);

#endif
