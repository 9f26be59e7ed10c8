/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where log lines go: a bounded buffer and one thread that writes it out. A
 * slow, closed or full destination costs lines, never time of the caller: what
 * does not fit is dropped, counted, and reported once lines can be written again.
 * Must not know what the lines mean.
 */
#ifndef TPROXY_RELAY_LOG_SINK_H
#define TPROXY_RELAY_LOG_SINK_H

#include <stddef.h>
#include <stdint.h>

/* Formats the report of lost lines; returns its length, at most size. */
typedef size_t sink_report(uint64_t lost, char *buf, size_t size);

/* path NULL: standard output. Opens (appends) but writes nothing yet. 0 or -errno. */
int sink_open(const char *path, sink_report *report);

/* Starts the writing thread; to be called after the last fork. 0 or -errno. */
int sink_start(void);

/* Takes whole lines, newline included. Any thread, never blocks on I/O. */
void sink_write(const char *line, size_t len);

/* Gives the destination up to wait_ms to take the rest, then stops. */
void sink_stop(unsigned int wait_ms);

#endif
