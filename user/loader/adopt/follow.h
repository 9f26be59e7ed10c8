/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `watch` follows adopted programs: a process that the same user starts from the same executable,
 * and that listens on the same port, is adopted as the former one was. Shims follow their cgroups,
 * which a restarted service makes again.
 */
#ifndef TPROXY_LOADER_ADOPT_FOLLOW_H
#define TPROXY_LOADER_ADOPT_FOLLOW_H

#include "loader/adopt/take.h"
#include "loader/app/session.h"

/* Listeners at an adopted port that belong to others: not looked for at each look. */
#define FOLLOW_STRANGERS TAKE_MAX

enum follow_news {
	FOLLOW_ADOPTED,  /* again */
	FOLLOW_CLOSED,   /* the last listener of a program */
	FOLLOW_STRANGER, /* another program listens in its place, and is left alone */
	FOLLOW_SHIM,     /* a cgroup was made again */
	FOLLOW_NEWS_MAX
};

struct follow {
	/* text: a sentence. */
	void (*report)(enum follow_news news, const char *text, void *arg);
	void *arg;
	struct follow_stranger {
		__u64 cookie;
		unsigned int looks; /* how often its process was looked for */
	} strangers[FOLLOW_STRANGERS];
	size_t next;
};

/* Best effort: never fails. */
void follow_adopted(struct follow *follow, struct session *session);

#endif
