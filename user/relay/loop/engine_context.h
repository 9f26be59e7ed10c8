/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the engines of a thread get beside their loop, and what all threads read. Declares data
 * only: thread.c fills it, engines and relay/admit use it. Must not know the engines.
 */
#ifndef TPROXY_RELAY_LOOP_ENGINE_CONTEXT_H
#define TPROXY_RELAY_LOOP_ENGINE_CONTEXT_H

#include <pthread.h>

#include "relay/loop/flowtable.h"
#include "relay/loop/worker.h"
#include "relay/net/binding.h"
#include "relay/net/ipfields.h"
#include "relay/net/netwatch.h"

struct budget;
struct clients;
struct exchange;
struct lanes;
struct listener_set;
struct looplog;
struct options;
struct pathlog;
struct port_set;
struct settings;
struct worker_listeners;

/*
 * What the pinned struct tproxy_config says, as the registrar reports it; all 0 while there
 * is none. The main thread writes it at any time.
 */
struct pinned {
	kept_marks marks;            /* bits tc sets on packets that stay here */
	_Atomic uint32_t link_local; /* 1: a rule names destinations in 169.254.0.0/16 */
	_Atomic uint32_t detaching;  /* 1: an interface is being detached, see udp_keep */
};

/* Of the hand-over that is under way. */
struct pausing {
	_Atomic unsigned int holding; /* threads that admit no flows until another relay serves */
	_Atomic unsigned int attempt; /* the number of the hand-over */
};

/*
 * What all threads share. While they run, only `settings`, `pinned`, `budget`, `clients`, `loops`,
 * `netwatch` and `paths` change.
 */
struct relay {
	const struct options *options;
	struct listener_set *listeners;
	const struct port_set *tcp_ports; /* of our own listeners */
	const struct port_set *udp_ports;
	struct binding binding;
	struct budget *budget;
	struct clients *clients;
	struct looplog *loops;
	struct netwatch *netwatch;
	struct pathlog *paths;
	pthread_mutex_t *gate; /* threads take nothing before they can lock it */
	pthread_mutex_t *settings_lock;
	struct settings *settings; /* under the lock; each thread has a reference of its own */
	struct pinned pinned;
	int done;    /* eventfd that a thread increments when it ends */
	int trouble; /* the same, when a listener died */
	int paused;  /* the same when it pauses */
	struct pausing *pausing;
	/* While threads pause: where they may send what they give away (process/message.h). */
	int new_relay_fd;
};

struct engine_stats {
	uint64_t tcp_flows;
	uint64_t udp_flows;
	uint64_t refused;        /* flows; for UDP: datagrams */
	uint64_t limited;        /* flows refused or evicted for lack of descriptors or memory */
	uint64_t port_fallbacks; /* flows that could not have their client's port */
	uint64_t lost_datagrams; /* not taken by a socket */
	uint64_t over_bandwidth; /* datagrams */
	uint64_t promotions;     /* UDP flows that got a socket of their own */
	uint64_t icmp_errors;    /* passed on */
};

struct engine_context {
	struct worker worker;
	struct flow_table flows; /* all of this thread */
	const struct relay *relay;
	struct worker_listeners *listeners; /* this thread's; engines borrow them */
	struct exchange *exchange;          /* of those with the main thread */
	struct settings *settings;          /* the same for a whole turn */
	struct lanes *lanes;                /* the flows of this thread, by client */
	const struct local_set *local;      /* this host's addresses; the same for a whole turn */
	uint32_t path_changes;              /* differs after addresses, links or routes changed */
	struct device_chooser devices;
	struct engine_stats stats;
	bool draining;      /* the listeners are given up; the flows that are left end here */
	uint64_t drain_end; /* ms of CLOCK_MONOTONIC: when flows end; 0: when they end themselves */
};

#endif
