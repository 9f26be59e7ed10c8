/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/sink.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/util.h"

#define SINK_SIZE (1024 * 1024)
/* Between two writes: to wake a thread for each line costs more than a flow. */
#define SINK_PAUSE_MS 20

struct sink_buffer {
	size_t len;
	char data[SINK_SIZE];
};

/*
 * Two buffers: callers append to `fill` under the lock, the thread writes the other one without it.
 * So the lock is held for a memcpy, never for a write.
 */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake; /* there is work, or the end */
	pthread_cond_t idle; /* the thread is gone */
	pthread_t thread;
	int fd;
	sink_report *report;
	struct sink_buffer *fill;
	uint64_t lost;
	bool running;
	bool stopping;
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .fd = -1 };

static struct sink_buffer buffers[2];

int sink_open(const char *path, sink_report *report)
{
	pthread_condattr_t attr;
	int fd = STDOUT_FILENO;

	if (path)
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	if (fd < 0)
		return -errno;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&sink.idle, &attr);
	pthread_condattr_destroy(&attr);
	sink.fd = fd;
	sink.report = report;
	sink.fill = &buffers[0];
	return 0;
}

void sink_write(const char *line, size_t len)
{
	struct sink_buffer *b;

	pthread_mutex_lock(&sink.lock);
	b = sink.fill;
	if (b && b->len + len <= sizeof(b->data)) {
		memcpy(b->data + b->len, line, len);
		b->len += len;
		pthread_cond_signal(&sink.wake);
	} else {
		sink.lost++;
	}
	pthread_mutex_unlock(&sink.lock);
}

static uint64_t count_lines(const char *data, size_t len)
{
	uint64_t lines = 0;

	for (const char *p = data; (p = memchr(p, '\n', len - (size_t)(p - data))); p++)
		lines++;
	return lines;
}

static void sink_pause(unsigned int ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = (long)ms * 1000 * 1000 }, NULL);
}

/* Returns how many lines could not be written. The rest of a torn line is not written later. */
static uint64_t write_out(const char *data, size_t len, bool *torn)
{
	size_t done = 0;

	if (*torn && write(sink.fd, "\n", 1) == 1)
		*torn = false;
	while (done < len) {
		ssize_t n = write(sink.fd, data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			/* Another process shares the descriptor and made it non-blocking. */
			sink_pause(10);
			continue;
		}
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done && done < len && data[done - 1] != '\n')
		*torn = true;
	return count_lines(data + done, len - done);
}

/* Reports lost lines. If that fails, too, the result adds them to the next report. */
static uint64_t report_lost(uint64_t lost, bool *torn)
{
	char line[256];
	size_t len = sink.report(lost, line, sizeof(line));

	return write_out(line, len, torn) ? lost : 0;
}

static void *sink_thread(void *arg)
{
	struct sink_buffer *out = &buffers[1];
	uint64_t failed = 0;
	bool torn = false;

	(void)arg;
	pthread_mutex_lock(&sink.lock);
	for (;;) {
		struct sink_buffer *full;
		uint64_t lost;

		while (!sink.fill->len && !sink.stopping)
			pthread_cond_wait(&sink.wake, &sink.lock);
		if (!sink.fill->len)
			break;
		full = sink.fill;
		sink.fill = out;
		out = full;
		lost = sink.lost + failed;
		sink.lost = 0;
		pthread_mutex_unlock(&sink.lock);
		failed = write_out(out->data, out->len, &torn);
		if (lost)
			failed += report_lost(lost, &torn);
		out->len = 0;
		/* Lines that come in this time wake no thread, which is cheaper for their callers. */
		sink_pause(SINK_PAUSE_MS);
		pthread_mutex_lock(&sink.lock);
	}
	sink.running = false;
	pthread_cond_signal(&sink.idle);
	pthread_mutex_unlock(&sink.lock);
	return NULL;
}

int sink_start(void)
{
	int err = pthread_create(&sink.thread, NULL, sink_thread, NULL);

	sink.running = !err;
	return -err;
}

void sink_stop(unsigned int wait_ms)
{
	struct timespec until;
	int err = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (long)(wait_ms % 1000) * 1000 * 1000;
	if (until.tv_nsec >= 1000 * 1000 * 1000) {
		until.tv_sec++;
		until.tv_nsec -= 1000 * 1000 * 1000;
	}
	pthread_mutex_lock(&sink.lock);
	sink.stopping = true;
	pthread_cond_signal(&sink.wake);
	while (sink.running && !err)
		err = pthread_cond_timedwait(&sink.idle, &sink.lock, &until);
	pthread_mutex_unlock(&sink.lock);
	/* If the thread hangs in write(), the end of the process ends it. */
	if (!err)
		pthread_join(sink.thread, NULL);
}
