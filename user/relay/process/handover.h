/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restart without losing a connection, the running relay's side; takeover.h is the other one. The
 * new relay gets the sockets themselves, so that queues and socket map slots stay what they are.
 *
 *   new                          running
 *   HELLO, its namespaces  ───►  checks who it is (callers.h)
 *                          ◄───  OFFER, all listening sockets; it still serves
 *   opens everything; READY ──►  its threads pause
 *                          ◄───  RETIRED for each relay that retired before; UDP_SESSION …
 *                          ◄───  PAUSED, with the last flow id
 *   takes these; DONE      ───►  retires: the flows that are left end here
 *
 * If the new one dies or is late before DONE, the running one continues (ABORTED). If the running
 * one dies after OFFER, the new one serves. The connection stays open afterwards: by it the serving
 * relay controls the retired one, and passes it on to its own successor.
 *
 * Must not know what the listeners are for, nor touch threads: the caller acts on events.
 */
#ifndef TPROXY_RELAY_PROCESS_HANDOVER_H
#define TPROXY_RELAY_PROCESS_HANDOVER_H

#include "relay/process/callers.h"
#include "relay/process/retired.h"

enum handover_event {
	HANDOVER_NOTHING,
	HANDOVER_PAUSE,   /* take no flows for now; then handover_paused */
	HANDOVER_RESUME,  /* the new relay is gone: take flows again */
	HANDOVER_RETIRE,  /* the new relay serves; handover_retire is next */
	HANDOVER_EXPIRED, /* retired for retire_ms: end the flows that are left */
	/* The relay that serves now orders what a signal would. */
	HANDOVER_RELOAD,
	HANDOVER_DRAIN,
	HANDOVER_RESET,
	/* `message` came from `from`, a retired relay or the serving one; message_close it. */
	HANDOVER_MESSAGE,
	/* The retired relay `gone` has ended; close its segment. */
	HANDOVER_GONE,
};

enum handover_stage { STAGE_NONE, STAGE_OFFERED, STAGE_PAUSING, STAGE_PAUSED };

struct handover {
	int epoll; /* readable: handover_step */
	struct callers callers;
	/* Set these after handover_open; borrowed. */
	const struct listener_set *listeners;
	int flows_fd;         /* listening socket for flow lists, -1: none */
	int segment_fd;       /* where we count our flows, -1: none */
	uint32_t watchdog_ms; /* of the service manager, 0: none */
	uint64_t retire_ms;
	uint64_t next_id; /* of a flow: an estimate for OFFER */
	/* The relay that takes over. */
	int new_relay_fd; /* threads may send UDP_SESSION there while they pause */
	enum handover_stage stage;
	/* After it did. */
	int serving_fd; /* leads to it; -1 also if it has ended */
	/* Before. */
	struct retired_list retired;
	uint64_t deadline; /* of the stage, or of our retirement; ms of CLOCK_MONOTONIC, 0: none */
	/* What an event is about. */
	struct message message;
	int from;
	struct retired gone;
};

/* -1 in all places. */
void handover_init(struct handover *h);

/*
 * Listens at name, or on listen_fd (of the relay that we take over from, -1: none). Call it while
 * privileged. 0 or -errno: then nobody can take over.
 */
int handover_open(struct handover *h, const char *name, int listen_fd);

/* The relays that retired before us: moves them out of the list. 0 or -errno. */
int handover_adopt(struct handover *h, struct retired_list *list);

/* Handles one thing that is ready or due. Never blocks. */
enum handover_event handover_step(struct handover *h);

/* Milliseconds until handover_step has something to do without input, -1: none. */
int handover_wait(const struct handover *h);

/* All threads have paused. next_id: no flow has it. False: as after HANDOVER_RESUME. */
bool handover_paused(struct handover *h, uint64_t next_id);

/* Leaves everything to the new relay, except for retire_ms at most the flows that are left. */
void handover_retire(struct handover *h);

/* After it: the process that serves now, 0: it has ended. */
pid_t handover_successor(const struct handover *h);

static inline bool handover_is_retired(const struct handover *h)
{
	return h->listeners == NULL;
}

/* To all retired relays: MESSAGE_RELOAD, MESSAGE_DRAIN or MESSAGE_RESET. Returns how many got it. */
unsigned int handover_tell(const struct handover *h, enum message_type order);

/* The same for any message. */
unsigned int handover_pass(const struct handover *h, const struct message_out *out);

/* Nobody can take over any more, and one that is about to may serve at once. */
void handover_stop(struct handover *h);

void handover_close(struct handover *h);

#endif
