/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where log lines go: a bounded buffer and one thread that writes it out. A slow, closed or full
 * destination costs lines, never the caller's time: lines that do not fit are dropped, counted, and
 * reported when lines can be written again. Must not know what the lines mean.
 */
#ifndef TPROXY_RELAY_LOG_SINK_H
#define TPROXY_RELAY_LOG_SINK_H

#include <stddef.h>
#include <stdint.h>

enum sink_event {
	SINK_LOST,    /* lines: `count` of them */
	SINK_DELETED, /* the file that was in use until now has no name any more */
};

/* Formats a line about the log itself; returns its length, at most size. */
typedef size_t sink_report(enum sink_event event, uint64_t count, char *buf, size_t size);

/* Opens the destination, but writes nothing yet. path NULL: standard output. 0 or -errno. */
int sink_open(const char *path, sink_report *report);

/* Starts the thread that writes; to be called after the last fork. 0 or -errno. */
int sink_start(void);

/* Takes whole lines, newline included. Safe in any thread; never blocks on I/O. */
void sink_write(const char *line, size_t len);

/*
 * Lines that were taken before go to the old destination, later ones to fd, each as a whole. Takes
 * over fd; the thread closes the old descriptor. Not for standard output, whose opener owns it.
 */
void sink_replace(int fd);

/* Where lines go now, and how that works. */
struct sink_state {
	int err;      /* positive errno of the latest write; 0: it worked, or there was none */
	uint64_t dev; /* of the file, as in struct stat; both 0: it is no regular file */
	uint64_t inode;
};
struct sink_state sink_state(void);

/* Writes the rest for up to wait_ms, then stops. */
void sink_stop(unsigned int wait_ms);

#endif
