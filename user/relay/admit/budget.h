/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns the descriptors of the process: who may open how many. TCP and UDP each have a part that the
 * other one cannot take, half of it in each thread, and share the rest. The last of the rest is for
 * clients that have few flows. Opens and closes nothing, and must not know flows: engines ask
 * before they open a descriptor and say when they have closed it.
 */
#ifndef TPROXY_RELAY_ADMIT_BUDGET_H
#define TPROXY_RELAY_ADMIT_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>

enum budget_kind { BUDGET_TCP, BUDGET_UDP, BUDGET_KINDS };

/* A client with fewer flows in this thread may use the reserve. */
#define BUDGET_FEW_FLOWS 4

/* Numbers of each thread, at least 1. */
struct budget_caps {
	unsigned int pipes;    /* two descriptors each, which nobody else gets */
	unsigned int sessions; /* this and the next ones: within the part of UDP */
	unsigned int replies;
	unsigned int directs;
};

struct budget {
	unsigned long nofile;
	unsigned int workers;
	unsigned int udp_workers;
	struct budget_caps caps;
	unsigned int flows_of_client; /* the default of max-flows-per-source */
	/* Descriptors: */
	unsigned int usable; /* all that can be taken */
	unsigned int of_thread[BUDGET_KINDS];
	_Atomic int of_kind[BUDGET_KINDS]; /* left for any thread */
	_Atomic int common;                /* left for both kinds */
	int reserve;                       /* of the common ones */
};

/* What one engine of a thread has taken. */
struct budget_share {
	struct budget *budget;
	enum budget_kind kind;
	unsigned int used;
	unsigned int used_of_kind;   /* of these; the first ones are the thread's own */
	unsigned int used_of_common; /* of these */
	unsigned int kept;           /* of `used`: closed already, for the next that is taken */
	bool keeps;
};

/* nofile: the limit of descriptors; udp_workers: threads that have UDP flows. */
void budget_init(struct budget *b, unsigned long nofile, unsigned int workers,
		 unsigned int udp_workers);

/* Before the threads run: divides what is left when the process has `used` descriptors. */
void budget_open(struct budget *b, unsigned int used);

/* Descriptors that are open now: up to the lowest free one. */
unsigned int budget_used_now(void);

struct budget_share budget_share(struct budget *b, enum budget_kind kind);

/* n descriptors more; few: the client has few flows. False: none is taken. */
bool budget_take(struct budget_share *s, unsigned int n, bool few);

/* The same for descriptors that are open already, whether there is room or not. */
void budget_force(struct budget_share *s, unsigned int n);
void budget_return(struct budget_share *s, unsigned int n);

/*
 * Between these two, what is returned stays here, and the next take gets it. Otherwise another thread,
 * whose clients may try all the time, could take what a flow gave up to make room.
 */
void budget_keep(struct budget_share *s);
void budget_release(struct budget_share *s);

#endif
