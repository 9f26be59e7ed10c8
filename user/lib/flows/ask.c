/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/flows/ask.h"

#include <string.h>
#include <sys/socket.h>

#include "lib/flows/relays.h"
#include "lib/rundir.h"
#include "lib/util.h"

#define SILENCE_S 10 /* longer than a busy relay needs for a message */
#define BUSY_MS 5000
#define BUSY_PAUSE_US 100000

struct asking {
	int fd;
	int (*fn)(const struct flows_record *record, void *arg);
	void *arg;
	unsigned int wanted; /* ends, as far as we know */
	unsigned int ended;
	uint64_t matched;
};

union any_message {
	struct flows_head head;
	struct flows_message records;
	struct flows_end end;
};

int flows_dial(const char *relay, unsigned int silence_s, int *ret_fd)
{
	const struct timeval patience = { .tv_sec = silence_s };
	char name[FLOWS_SOCKET_LEN];
	int err = flows_socket_name(relay, name);
	int fd = err ? err : rundir_connect(name);

	if (fd < 0)
		return fd == -EAGAIN ? -ETIMEDOUT : fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	*ret_fd = fd;
	return 0;
}

static int take_records(struct asking *a, const struct flows_message *message, size_t len)
{
	size_t count = message->head.count;
	int r = 0;

	if (count > FLOWS_PER_MESSAGE ||
	    len != sizeof(message->head) + count * sizeof(*message->records))
		return -EPROTO;
	for (size_t i = 0; i < count && !r; i++)
		r = a->fn(&message->records[i], a->arg);
	return r;
}

static int take_end(struct asking *a, const struct flows_end *end, size_t len)
{
	if (len != sizeof(*end))
		return -EPROTO;
	a->ended++;
	a->wanted += end->passed_on;
	a->matched += end->matched;
	return end->err > 0 ? -end->err : 0;
}

static int take_message(struct asking *a, const union any_message *message, size_t len)
{
	if (len < sizeof(message->head) || message->head.version != FLOWS_VERSION)
		return -EPROTO;
	switch (message->head.kind) {
	case FLOWS_RECORDS:
		return take_records(a, &message->records, len);
	case FLOWS_END:
		return take_end(a, &message->end, len);
	default:
		return -EPROTO;
	}
}

/*
 * A relay that refuses us may close before it reads our request. The kernel reports that once, as
 * ECONNRESET, before it gives us the reason, which has arrived by then.
 */
static ssize_t receive(int fd, union any_message *message)
{
	ssize_t n = recv(fd, message, sizeof(*message), MSG_TRUNC);

	if (n < 0 && errno == ECONNRESET)
		n = recv(fd, message, sizeof(*message), MSG_TRUNC);
	return n;
}

/* Each process that answers holds the connection; it closes when the last one is done or gone. */
static int take_answer(struct asking *a)
{
	static _Thread_local union any_message message;
	int r = 0;

	while (!r) {
		ssize_t n = receive(a->fd, &message);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 && a->ended)
			return 0;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		r = n ? take_message(a, &message, (size_t)n) : -ECONNRESET;
	}
	return r;
}

static int ask_once(struct asking *a, const char *relay, const struct flows_request *request)
{
	__cleanup_close int fd = -1;
	int err = flows_dial(relay, SILENCE_S, &fd);

	if (err)
		return err;
	a->fd = fd;
	/* A relay that refuses us has closed: its reason can still be read. */
	if (send(fd, request, sizeof(*request), MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return -errno;
	return take_answer(a);
}

int flows_ask(const char *relay, enum flows_kind kind, const struct flows_filter *filter,
	      int (*fn)(const struct flows_record *record, void *arg), void *arg,
	      struct flows_answer *ret_answer)
{
	const struct flows_request request = {
		.head = { .version = FLOWS_VERSION, .kind = (uint8_t)kind }, .filter = *filter
	};
	const uint64_t end = monotonic_ms() + BUSY_MS;
	struct asking a;
	int r;

	for (;;) {
		a = (struct asking){ .fn = fn, .arg = arg, .wanted = 1 };
		r = ask_once(&a, relay, &request);
		/* One of its clients may be done soon. */
		if (r != -EBUSY || monotonic_ms() >= end)
			break;
		usleep(BUSY_PAUSE_US);
	}
	*ret_answer = (struct flows_answer){ .matched = a.matched };
	if (!r && a.wanted > a.ended)
		ret_answer->silent = a.wanted - a.ended;
	return r;
}
