/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/due.h"

#include <pthread.h>
#include <sys/timerfd.h>

#include "lib/util.h"

static struct {
	pthread_mutex_t lock;
	int fd;
	uint64_t at; /* ms of CLOCK_MONOTONIC, 0: never */
} due = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

int due_open(void)
{
	due.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return due.fd < 0 ? -errno : 0;
}

void due_close(void)
{
	cleanup_fd(&due.fd);
	due.fd = -1;
}

int due_fd(void)
{
	return due.fd;
}

static void set_timer(uint64_t at)
{
	const struct itimerspec when = { .it_value = { .tv_sec = (time_t)(at / 1000),
						       .tv_nsec = (long)(at % 1000) * 1000000 } };

	timerfd_settime(due.fd, TFD_TIMER_ABSTIME, &when, NULL);
	due.at = at;
}

void due_in(uint64_t ms)
{
	uint64_t at = monotonic_ms() + ms;

	pthread_mutex_lock(&due.lock);
	if (due.fd >= 0 && (!due.at || at < due.at))
		set_timer(at);
	pthread_mutex_unlock(&due.lock);
}

void due_done(void)
{
	uint64_t count;
	ssize_t n;

	pthread_mutex_lock(&due.lock);
	n = read(due.fd, &count, sizeof(count));
	(void)n; /* it fails if the timer was set again, which we forget as well */
	set_timer(0);
	pthread_mutex_unlock(&due.lock);
}
