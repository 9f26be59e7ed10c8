/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time when counts of lines that were left out are due: a timer that wakes the main thread, and
 * only if there is something to report. Must not know what that is.
 */
#ifndef TPROXY_RELAY_LOG_DUE_H
#define TPROXY_RELAY_LOG_DUE_H

#include <stdint.h>

/* 0 or -errno. Without it the other functions do nothing. */
int due_open(void);

void due_close(void);

/* Readable when something is due; -1: not open. */
int due_fd(void);

/* Any thread: something is due in this many milliseconds. An earlier time stays. */
void due_in(uint64_t ms);

/* The descriptor was readable: from now on nothing is due, until due_in. */
void due_done(void);

#endif
