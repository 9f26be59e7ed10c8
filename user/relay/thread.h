/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread of the relay: opens the engines, runs their loop and obeys orders. A flow stays on the thread that got it; threads share struct relay and
 * the log. Must not touch flows: the engines do.
 */
#ifndef TPROXY_RELAY_THREAD_H
#define TPROXY_RELAY_THREAD_H

#include <pthread.h>

#include "relay/loop/engine_context.h"
#include "relay/loop/flowwalk.h"
#include "relay/process/exchange.h"
#include "relay/upstream/checker.h"

/* From weak to strong: a thread never gets a weaker one than it has, except RUN after PAUSE. */
enum thread_order {
	THREAD_RUN,
	THREAD_PAUSE,  /* new flows wait in the listeners; another relay is about to serve them */
	THREAD_RETIRE, /* another relay serves the listeners; flows may take the time they need */
	THREAD_DRAIN,  /* no new flows; those that are left have drain-timeout */
	THREAD_ABORT,  /* they end now */
};

struct relay_thread {
	struct engine_context ctx;
	struct worker_listeners listeners; /* the descriptors that this thread has to close */
	struct exchange exchange;
	pthread_t id;
	struct tcp_engine *tcp;
	struct udp_engine *udp;
	struct flow_port flows;
	struct io command; /* eventfd: look at `order`, the settings and new listeners */
	_Atomic int order; /* enum thread_order */
	struct io gifts;   /* leads to the relay that takes over; borrowed */
	bool giving;       /* it is being sent flows, or soon will be */
	struct timer give_timer;
	unsigned int attempt; /* of struct pausing, when it paused */
	_Atomic bool paused;
	_Atomic uint64_t next_id; /* of a flow, when it paused */
	struct timer drain_timer;
	struct checker checker; /* of the first thread; of the others unused */
};

/* Takes the listeners of row `index` of relay->listeners. 0 or -errno; thread_close in any case. */
int thread_open(struct relay_thread *t, unsigned int index, const struct relay *relay);
int thread_start(struct relay_thread *t);

/* Before it is let through the gate: its ids begin at first_id or shortly after. */
void thread_set_ids(struct relay_thread *t, unsigned int index, uint64_t first_id);

struct message;

/* Before they are let through the gate: takes UDP flows of the old relay. 0 or -errno. */
int thread_import(struct relay_thread *threads, unsigned int n, struct message *m);

/* From any thread. The same order again only wakes it. */
void thread_order(struct relay_thread *t, enum thread_order order);

/* From any thread: it looks at the settings, at the addresses of this host and for new listeners. */
void thread_wake(struct relay_thread *t);

/* After it ended or was never started: closes and frees everything. */
void thread_close(struct relay_thread *t);

#endif
