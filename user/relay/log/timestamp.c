/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/timestamp.h"

#define SECOND_SIZE sizeof("2147485547-12-31T23:59:60") /* the last year that struct tm can hold */

/* The text of one second. One a thread: gmtime_r takes a lock of libc, so it runs once a second. */
struct second {
	time_t time;
	size_t len; /* 0: none yet */
	char text[SECOND_SIZE];
};

static void second_set(struct second *second, time_t time)
{
	struct tm tm = { .tm_mday = 1, .tm_year = 70 };

	gmtime_r(&time, &tm);
	second->time = time;
	second->len = strftime(second->text, sizeof(second->text), "%Y-%m-%dT%H:%M:%S", &tm);
}

void timestamp_add(struct textbuf *t, const struct timespec *when)
{
	static _Thread_local struct second second;

	if (!second.len || second.time != when->tv_sec)
		second_set(&second, when->tv_sec);
	textbuf_add_bytes(t, second.text, second.len);
	textbuf_add(t, ".");
	textbuf_add_padded(t, (uint64_t)(when->tv_nsec / 1000000), 3);
	textbuf_add(t, "Z");
}
