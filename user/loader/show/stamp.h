/* SPDX-License-Identifier: BSD-2-Clause */
/* A moment of the data path as a time of day, and as text: RFC 3339, UTC, milliseconds. */
#ifndef TPROXY_LOADER_SHOW_STAMP_H
#define TPROXY_LOADER_SHOW_STAMP_H

#include <stdio.h>
#include <time.h>

#include "lib/util.h"

#define STAMP_LEN 48

/* CLOCK_MONOTONIC in ns to CLOCK_REALTIME, as the clocks are now. */
static inline struct timespec stamp_real_time(uint64_t monotonic)
{
	struct timespec now;
	int64_t ns;

	clock_gettime(CLOCK_REALTIME, &now);
	ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - (int64_t)(monotonic_ns() - monotonic);
	return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

/* buf: STAMP_LEN bytes; returns it. */
static inline char *stamp_text(const struct timespec *at, char *buf)
{
	char text[40];
	struct tm tm;

	gmtime_r(&at->tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, STAMP_LEN, "%s.%03ldZ", text, at->tv_nsec / 1000000);
	return buf;
}

#endif
