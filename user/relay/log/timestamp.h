/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Times of log lines: RFC 3339 in UTC with milliseconds. Must not ask for the time.
 */
#ifndef TPROXY_RELAY_LOG_TIMESTAMP_H
#define TPROXY_RELAY_LOG_TIMESTAMP_H

#include <time.h>

#include "lib/textbuf.h"

/* Appends "2026-11-21T06:30:00.123Z". */
void timestamp_add(struct textbuf *t, const struct timespec *when);

#endif
