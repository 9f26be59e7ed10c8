/* SPDX-License-Identifier: BSD-2-Clause */
/* A moment as text: RFC 3339, UTC, milliseconds. Pure. */
#ifndef TPROXY_LOADER_SHOW_STAMP_H
#define TPROXY_LOADER_SHOW_STAMP_H

#include <stdio.h>
#include <time.h>

#define STAMP_LEN 48

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
