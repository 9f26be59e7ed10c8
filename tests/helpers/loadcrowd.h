/* SPDX-License-Identifier: BSD-2-Clause */
/* load crowd: many idle connections, new ones beside them, exchanges on request. */
#ifndef LOADCROWD_H
#define LOADCROWD_H

#include <signal.h>

#include "load.h"

#define CROWD_STEP 256 /* exchanges at a time */
#define CROWD_PATIENCE_NS 60000000000ULL

static volatile sig_atomic_t signalled; /* number of the latest signal */

static inline void take_signal(int signal)
{
	signalled = signal;
}

/* In steps, so that no queue of SYNs overflows. */
static inline void crowd_open(struct run *run, struct peer **peers, unsigned int idle)
{
	while (run->units < idle) {
		for (; run->open < idle && run->open - run->units < CROWD_STEP; peers++) {
			*peers = dial(run, ROLE_ECHO);
			(*peers)->kept = true;
		}
		turn(run, 1000);
		if (run->failed) {
			fprintf(stderr, "load: after %llu of %u a connection of the crowd failed\n",
				(unsigned long long)run->units, idle);
			exit(1);
		}
	}
	puts("up");
	fflush(stdout);
}

static inline bool leave(struct run *run, struct peer *p)
{
	run->leaving = true;
	return !shutdown(p->fd, SHUT_WR);
}

/* Calls `act` for each connection, in steps. Returns how many exchanges were completed. */
static inline uint64_t crowd_each(struct run *run, struct peer **peers, unsigned int idle,
				  bool (*act)(struct run *run, struct peer *p))
{
	uint64_t begin = now_ns();
	int64_t pending = 0; /* may be negative: idle connections that are lost count as failed */

	run->units = run->failed = 0;
	for (unsigned int i = 0, begun = 0; i < idle || pending > 0;) {
		for (; i < idle && pending < CROWD_STEP; i++) {
			if (peers[i]->fd < 0)
				continue;
			begun++;
			pending++;
			if (!act(run, peers[i]))
				hang_up(run, peers[i], false);
		}
		turn(run, 1000);
		pending = (int64_t)begun - (int64_t)run->units - (int64_t)run->failed;
		if (now_ns() - begin > CROWD_PATIENCE_NS)
			break;
	}
	return run->units;
}

/* Returns how many were started; those under way at the end get some time to finish. */
static inline uint64_t crowd_beside(struct run *run, double seconds, unsigned int rate)
{
	unsigned int crowd = run->open;
	uint64_t begin = now_ns(), sent = 0, lost = run->lost;

	run->units = 0;
	while (!signalled && (double)(now_ns() - begin) < seconds * 1e9) {
		uint64_t due = (uint64_t)((double)(now_ns() - begin) / 1e9 * rate);

		for (; sent < due; sent++)
			dial(run, ROLE_ONCE);
		turn(run, rate ? 1 : 100);
	}
	begin = now_ns();
	while (run->open + run->lost - lost > crowd && now_ns() - begin < CROWD_PATIENCE_NS)
		turn(run, 100);
	return sent;
}

static inline void crowd(struct run *run, double seconds, unsigned int idle, unsigned int rate)
{
	struct peer **peers = calloc(idle + 1, sizeof(*peers));
	uint64_t dialled, served;

	if (!peers)
		die("memory");
	run->crowd = true;
	signal(SIGTERM, take_signal);
	signal(SIGUSR1, take_signal);
	crowd_open(run, peers, idle);
	dialled = crowd_beside(run, seconds, rate);
	served = run->units;
	while (signalled == SIGUSR1) {
		signalled = 0;
		printf("alive %llu\n", (unsigned long long)crowd_each(run, peers, idle, request));
		fflush(stdout);
		crowd_beside(run, seconds, 0);
	}
	printf("%llu %llu ", (unsigned long long)dialled, (unsigned long long)served);
	printf("%llu\n", (unsigned long long)crowd_each(run, peers, idle, leave));
}

#endif
