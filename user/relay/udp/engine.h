/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Relays UDP: one session for each pair of client and original destination. Owns sessions, their
 * time-outs and their number. Must not change, split, join or reorder datagrams. session.h shows
 * the parts.
 */
#ifndef TPROXY_RELAY_UDP_ENGINE_H
#define TPROXY_RELAY_UDP_ENGINE_H

#include "relay/log/flowrecord.h"
#include "relay/loop/engine_context.h"
#include "tproxy.h"

struct udp_engine;

/* Watches the thread's UDP listeners. 0 or -errno; close with udp_close. */
int udp_open(struct engine_context *ctx, struct udp_engine **ret_engine);

/* Watches one more of the thread's listeners, after an earlier one was lost. 0 or -errno. */
int udp_listen(struct udp_engine *e, unsigned int row, enum tproxy_class cls);

/* Sockets that still carry flows: a drain ends when there are none. */
unsigned int udp_sessions(const struct udp_engine *e);

/*
 * hold: leaves what arrives to the relay that takes over, until it does or is gone. Busy flows get
 * sockets of their own before.
 */
void udp_hold(struct udp_engine *e, bool hold);

/*
 * Reads what has arrived, unless that is held, and stops reading; the listeners may be closed or handed over afterwards.
 * Busy flows stay in this process, on sockets of their own, until they pause; the others end when
 * no answer comes for two seconds.
 */
void udp_drain(struct udp_engine *e);

/*
 * keep: the rules that steer flows here are about to be removed. Each flow gets a socket of its
 * own then, and keeps it. Logs how many had no room.
 */
void udp_keep(struct udp_engine *e, bool keep);

/* ---- a relay that takes over: travel.c ---------------------------------- */

/* Sends a message with descriptors. 0 or -errno; -EAGAIN: it takes no more for the moment. */
struct udp_export {
	int (*send)(void *arg, const void *msg, size_t len, const int *fds, unsigned int fd_count);
	void *arg;
};

/*
 * While the listeners are not read: sends all flows that can move, with their sockets. 0: all are
 * sent; -EAGAIN: call it again later; another -errno: those that are left stay. Then one of the
 * next two.
 */
int udp_export(struct udp_engine *e, const struct udp_export *x);

/* The other relay serves: what was sent ends here, without a record. */
void udp_export_done(struct udp_engine *e);

/* The other relay is gone: everything is as before. */
void udp_export_undo(struct udp_engine *e);

/*
 * Takes a message of udp_export; before the threads run. Descriptors that it takes are set to -1.
 * Limits do not apply to these flows, but count them. 0, or -EPROTO: no such message.
 */
int udp_import(struct udp_engine *const *engines, unsigned int n, const void *msg, size_t len,
	       int *fds, unsigned int fd_count);

/* ------------------------------------------------------------------------- */

void udp_end_all(struct udp_engine *e, enum flow_end end);

/* e may be NULL. */
void udp_close(struct udp_engine *e);

#endif
