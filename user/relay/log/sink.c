/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/sink.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/util.h"
#include "relay/log/logfile.h"
#include "relay/log/tally.h"

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
	int fd;         /* the thread alone uses it */
	int next;       /* takes the place of fd; -1: none */
	size_t next_at; /* bytes of `fill` that still go to fd */
	sink_report *report;
	struct sink_buffer *fill;
	uint64_t lost;
	struct sink_state state;
	bool running;
	bool stopping;
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .wake = PTHREAD_COND_INITIALIZER,
	   .fd = -1,
	   .next = -1 };

static struct sink_buffer buffers[2];

static struct sink_state state_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return (struct sink_state){ .err = 0 };
	return (struct sink_state){ .dev = st.st_dev, .inode = st.st_ino };
}

int sink_open(const char *path, sink_report *report)
{
	pthread_condattr_t attr;
	int fd = STDOUT_FILENO;

	if (path)
		fd = logfile_open(path, true);
	if (fd < 0)
		return fd;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&sink.idle, &attr);
	pthread_condattr_destroy(&attr);
	sink.fd = fd;
	sink.state = state_of(fd);
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

void sink_replace(int fd)
{
	int unused;

	pthread_mutex_lock(&sink.lock);
	/* If the thread has not taken the previous one yet, that one stays empty. */
	unused = sink.next;
	if (unused < 0)
		sink.next_at = sink.fill->len;
	sink.next = fd;
	pthread_cond_signal(&sink.wake);
	pthread_mutex_unlock(&sink.lock);
	cleanup_fd(&unused);
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

/* Of the thread: what it writes, and how that went. */
struct writer {
	struct sink_buffer *out;
	size_t split;    /* bytes of `out` that go to the descriptor so far */
	int next;        /* the rest goes there; -1: there is no rest */
	uint64_t lost;   /* lines that did not fit into a buffer */
	uint64_t failed; /* lines that could not be written, of the latest buffer */
	bool torn;       /* the file ends within a line */
	struct sink_state state;
};

/* Counts the lines that could not be written. The rest of a torn line is not written later. */
static void write_out(struct writer *w, const char *data, size_t len)
{
	size_t done = 0;

	if (w->torn && write(sink.fd, "\n", 1) == 1)
		w->torn = false;
	while (done < len) {
		ssize_t n = write(sink.fd, data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			/* Another process shares the descriptor and made it non-blocking. */
			sink_pause(10);
			continue;
		}
		w->state.err = n < 0 ? errno : 0;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done && done < len && data[done - 1] != '\n')
		w->torn = true;
	w->failed += count_lines(data + done, len - done);
}

/* Reports lost lines. If that fails, too, the next report has them. */
static void report_lost(struct writer *w)
{
	uint64_t lost = w->lost + w->failed;
	char line[256];

	if (!lost)
		return;
	w->failed = 0;
	write_out(w, line, sink.report(SINK_LOST, lost, line, sizeof(line)));
	if (w->failed)
		w->failed = lost;
}

static void switch_to(struct writer *w, int fd)
{
	struct stat st;
	bool deleted = !fstat(sink.fd, &st) && S_ISREG(st.st_mode) && !st.st_nlink;
	char line[256];

	if (sink.fd != STDOUT_FILENO)
		close(sink.fd);
	sink.fd = fd;
	w->state = state_of(fd);
	w->torn = false;
	if (deleted)
		write_out(w, line, sink.report(SINK_DELETED, 0, line, sizeof(line)));
}

/* Under the lock: takes what there is to write. */
static void take_work(struct writer *w)
{
	struct sink_buffer *full = sink.fill;

	sink.fill = w->out;
	w->out = full;
	w->lost = sink.lost;
	w->next = sink.next;
	w->split = sink.next < 0 ? full->len : sink.next_at;
	sink.lost = 0;
	sink.next = -1;
}

static void do_work(struct writer *w)
{
	uint64_t failed_before = w->failed;

	w->failed = 0;
	write_out(w, w->out->data, w->split);
	if (w->next >= 0) {
		switch_to(w, w->next);
		write_out(w, w->out->data + w->split, w->out->len - w->split);
	}
	if (w->lost + w->failed)
		tally_add(TALLY_LOST, w->lost + w->failed);
	w->lost += failed_before;
	report_lost(w);
	w->out->len = 0;
}

static void *sink_thread(void *arg)
{
	struct writer w = { .out = &buffers[1], .next = -1, .state = sink.state };

	(void)arg;
	pthread_mutex_lock(&sink.lock);
	for (;;) {
		while (!sink.fill->len && sink.next < 0 && !sink.stopping)
			pthread_cond_wait(&sink.wake, &sink.lock);
		if (!sink.fill->len && sink.next < 0)
			break;
		take_work(&w);
		pthread_mutex_unlock(&sink.lock);
		do_work(&w);
		/* Lines that come in this time wake no thread, which is cheaper for their callers. */
		sink_pause(SINK_PAUSE_MS);
		pthread_mutex_lock(&sink.lock);
		sink.state = w.state;
	}
	sink.running = false;
	pthread_cond_signal(&sink.idle);
	pthread_mutex_unlock(&sink.lock);
	return NULL;
}

struct sink_state sink_state(void)
{
	struct sink_state state;

	pthread_mutex_lock(&sink.lock);
	state = sink.state;
	pthread_mutex_unlock(&sink.lock);
	return state;
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
