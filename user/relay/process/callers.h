/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who asks at the hand-over socket. Lets in only root and the user that started us, from our own
 * mount and network namespace, who says so in time. What others cause is bounded: connections at a
 * time and a second, descriptors, time and log lines. Must not know what a hand-over is.
 */
#ifndef TPROXY_RELAY_PROCESS_CALLERS_H
#define TPROXY_RELAY_PROCESS_CALLERS_H

#include "relay/log/record.h"
#include "relay/process/message.h"
#include "relay/process/namespaces.h"

#define CALLERS_MAX 4 /* connections that have not said who they are */

struct caller {
	int fd;            /* -1: free */
	uint64_t deadline; /* ms of CLOCK_MONOTONIC */
};

struct callers {
	int epoll;     /* borrowed */
	int listen_fd; /* -1: closed */
	uid_t uid;     /* who may ask besides root: the user that started us */
	struct namespaces own;
	struct caller waiting[CALLERS_MAX];
	uint64_t second; /* ms, when the count below began */
	unsigned int accepted;
	bool resting; /* too many in this second */
	struct record_limit refusals;
};

/*
 * listen_fd: of the relay that we took over from, or -1 for a new one at NAME. epoll reports what
 * callers_ready is to look at, by descriptor. Call it while privileged: peers check the credentials
 * of this call. 0 or -errno.
 */
int callers_open(struct callers *c, const char *name, int listen_fd, int epoll);

/* -1 in all places, for callers_close. */
void callers_init(struct callers *c);

bool callers_have(const struct callers *c, int fd);

/*
 * fd is readable. Never blocks. The connection of a relay that we trust and that asks for the
 * listeners, which the caller owns from now on (it is no longer in epoll), or -EAGAIN.
 */
int callers_ready(struct callers *c, int fd);

/* Why it gets nothing. The caller still owns fd. */
void callers_refuse(int fd, enum refusal_cause cause);

/* Gives up those whose time is over. */
void callers_expire(struct callers *c, uint64_t now);

/* When that has to be called next, in ms of CLOCK_MONOTONIC; UINT64_MAX: never. */
uint64_t callers_due(const struct callers *c);

void callers_close(struct callers *c);

#endif
