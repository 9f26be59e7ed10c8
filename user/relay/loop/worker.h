/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread with its epoll loop, timers and everything its flows need. A flow
 * stays on the worker that got it; workers share only the read-only struct relay
 * and the log. Must not know what TCP connections and UDP sessions do: they plug
 * in as struct io, struct timer and struct task.
 */
#ifndef TPROXY_RELAY_LOOP_WORKER_H
#define TPROXY_RELAY_LOOP_WORKER_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "relay/net/binding.h"
#include "relay/admit/dest.h"
#include "relay/net/ipfields.h"
#include "relay/admit/limits.h"
#include "relay/process/listener.h"
#include "relay/net/localaddr.h"
#include "relay/log/looplog.h"
#include "relay/config/options.h"
#include "relay/tcp/pump.h"
#include "relay/config/settings.h"
#include "relay/loop/timer.h"

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/*
 * What the pinned struct tproxy_config says, as the registrar reports it; all 0 while there
 * is none. The main thread writes it at any time.
 */
struct pinned {
	kept_marks marks;            /* bits tc sets on packets that stay here */
	_Atomic uint32_t link_local; /* 1: a rule names destinations in 169.254.0.0/16 */
	_Atomic uint32_t drains;     /* UDP flows shall not depend on rules, see udp_keep */
};

/* What all workers read. Only `settings` and `pinned` change while they run; the limits count. */
struct relay {
	const struct options *options;
	struct listener_set *listeners;
	struct binding binding;
	struct limits *limits;
	struct looplog *loops;
	pthread_mutex_t *gate; /* threads take nothing before they can lock it */
	pthread_mutex_t *settings_lock;
	struct settings *settings; /* under the lock; each worker has a reference of its own */
	struct pinned pinned;
	unsigned long nofile; /* limit of open descriptors, for all workers */
	int done;             /* eventfd that a worker bumps when it ends */
};

/* A descriptor in the loop. fd < 0: closed meanwhile, further events are dropped. */
struct io {
	int fd;
	void (*ready)(struct io *io, uint32_t events);
};

/* Work that waits for the other events of a turn, so that no flow starves the rest. */
struct task {
	TAILQ_ENTRY(task) link;
	void (*run)(struct task *task);
	uint64_t turn; /* in which it was queued */
	bool queued;
};

/* Memory that events of this turn may still point to; freed at the end of it. */
struct free_later {
	struct free_later *next;
	void *mem;
};

/* RETIRE: somebody else serves the listeners; flows may take the time they need. */
enum worker_order { WORKER_RUN, WORKER_RETIRE, WORKER_DRAIN, WORKER_ABORT };

struct worker_stats {
	uint64_t tcp_flows;
	uint64_t udp_flows;
	uint64_t refused;        /* flows; for UDP: datagrams */
	uint64_t limited;        /* flows refused or evicted for want of descriptors or memory */
	uint64_t port_fallbacks; /* flows that could not have their client's port */
	uint64_t lost_datagrams; /* not taken by a socket */
	uint64_t promotions;     /* UDP flows that got a socket of their own */
	uint64_t icmp_errors;    /* passed on */
};

TAILQ_HEAD(task_queue, task);
TAILQ_HEAD(conn_list, conn);

struct worker {
	unsigned int index;
	pthread_t thread;
	const struct relay *relay;
	struct worker_listeners *listeners;
	int epoll;
	struct io command; /* eventfd: look at `order` */
	_Atomic int order; /* enum worker_order */
	bool draining;
	struct settings *settings; /* the same for a whole turn */
	_Atomic uint64_t beats;    /* turns so far: shows others that the thread lives */
	uint64_t now; /* ms of CLOCK_MONOTONIC at the begin of this turn; tools.now is the same */
	uint64_t next_id;
	struct timer_wheel wheel;
	struct timer drain_timer;
	struct task_queue tasks;
	uint64_t turn;
	struct free_later *free_later;
	struct local_set local;
	struct egress egress;
	struct io local_io;
	struct timer local_retry; /* for want of memory they may be read later only */
	struct conn_list conns;   /* the longest idle first, see conn.c */
	struct acceptors *acceptors;
	struct udp_engine *udp;
	struct pump_tools tools;
	struct worker_stats stats;
};

/* Takes the listeners of row `index` of relay->listeners. 0 or -errno; worker_close in any case. */
int worker_open(struct worker *w, unsigned int index, const struct relay *relay);
int worker_start(struct worker *w);

/* From any thread. Orders only grow; the same one again makes the worker look at the settings. */
void worker_order(struct worker *w, enum worker_order order);

/* After the thread ended or was never started: closes and frees everything. */
void worker_close(struct worker *w);

/* events: EPOLL…; io->fd and io->ready are set. 0 or -errno. */
int worker_watch(struct worker *w, struct io *io, uint32_t events);
int worker_rewatch(struct worker *w, struct io *io, uint32_t events);
void worker_close_io(struct io *io);

/* err, positive, tells of descriptors or memory, which others may give back. */
static inline bool worker_is_short(int err)
{
	/* ENOSPC: fs.epoll.max_user_watches. */
	return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS || err == ENOSPC;
}

void worker_queue(struct worker *w, struct task *task);
void worker_unqueue(struct worker *w, struct task *task);
void worker_free_later(struct worker *w, struct free_later *free_later, void *mem);

/* Unique in the relay's lifetime. */
uint64_t worker_new_id(struct worker *w);

/*
 * proto: IPPROTO_TCP or IPPROTO_UDP. named: the configuration itself names the
 * destination, so that only our own listeners are refused.
 */
enum dest_verdict worker_check_dest(const struct worker *w, uint8_t proto, const union saddr *dst,
				    bool named);

#endif
