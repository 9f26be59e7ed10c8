/* SPDX-License-Identifier: BSD-2-Clause */
/* udppeer flow: sends numbered datagrams, paced by their answers, and checks what comes back. */
#ifndef UDPFLOW_H
#define UDPFLOW_H

#include <sys/epoll.h>
#include <sys/resource.h>

#include "udppeer.h"

struct flow {
	uint64_t count, size, window, flows, gso, port, ack, idle, pause;
	const char *progress, *from;
	int *fds;
	int epoll;
	uint64_t sent, received, wrong, reordered, outstanding, lost;
	uint64_t *highest; /* of each flow */
	uint8_t *seen;     /* one bit a number */
};

static inline void fill(uint8_t *data, size_t size, uint64_t number)
{
	struct header h = { MAGIC, number };

	for (size_t i = 0; i < size; i += 8) {
		uint64_t word = (number + i) * 0x9e3779b97f4a7c15ULL;

		memcpy(data + i, &word, size - i < 8 ? size - i : 8);
	}
	if (size >= HEADER)
		memcpy(data, &h, sizeof(h));
}

static inline void check(struct flow *f, unsigned int flow, const uint8_t *data, size_t len)
{
	static uint8_t want[65536];
	struct header h = { MAGIC, f->sent - 1 }; /* without room for a number, one at a time */

	if (f->outstanding)
		f->outstanding--;
	else if (f->lost) /* late, not lost */
		f->lost--;
	if (len >= HEADER)
		memcpy(&h, data, sizeof(h));
	if (h.number < f->count)
		fill(want, f->size, h.number);
	if (len != f->size || h.number >= f->count || h.number % f->flows != flow ||
	    memcmp(want, data, len) || (f->seen[h.number / 8] & (1 << (h.number % 8)))) {
		f->wrong++;
		return;
	}
	f->seen[h.number / 8] |= (uint8_t)(1 << (h.number % 8));
	if (h.number < f->highest[flow])
		f->reordered++;
	else
		f->highest[flow] = h.number;
	f->received++;
}

static inline void note_progress(const struct flow *f)
{
	char name[256];
	FILE *out;

	if (!f->progress)
		return;
	snprintf(name, sizeof(name), "%s.new", f->progress);
	out = fopen(name, "w");
	if (!out)
		error(1, errno, "%s", name);
	fprintf(out, "%llu\n", (unsigned long long)f->received);
	fclose(out);
	rename(name, f->progress);
}

static inline void take_acks(struct flow *f, const uint8_t *data)
{
	struct header h;

	memcpy(&h, data, sizeof(h));
	f->received += h.number;
	f->outstanding -= h.number < f->outstanding ? h.number : f->outstanding;
}

/* Reads all answers of one flow. UDP_GRO joins several. */
static inline void receive(struct flow *f, unsigned int flow)
{
	char control[64] __attribute__((aligned(8)));
	struct iovec iov = { buffers[0], 65536 };
	uint64_t before = f->received;

	for (;;) {
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(f->fds[flow], &msg, 0);
		struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;
		size_t segment = c && c->cmsg_type == UDP_GRO ? (size_t) * (int *)CMSG_DATA(c) : 0;
		size_t at = 0;

		if (n < 0)
			break;
		if (!segment || segment > (size_t)n)
			segment = (size_t)n;
		do {
			size_t len = (size_t)n - at < segment ? (size_t)n - at : segment;

			if (f->ack)
				take_acks(f, buffers[0] + at);
			else
				check(f, flow, buffers[0] + at, len);
			at += len;
		} while (at < (size_t)n);
	}
	if (before / 1024 != f->received / 1024)
		note_progress(f);
}

/* Flows take turns; with gso > 1 there is one flow. */
static inline bool send_some(struct flow *f)
{
	uint64_t left = f->count - f->sent;
	uint64_t n = left < f->gso ? left : f->gso;
	char control[CMSG_SPACE(2)] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { buffers[1], n * f->size };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 0
	};

	for (uint64_t i = 0; i < n; i++) {
		if (f->ack && f->size >= HEADER)
			continue;
		fill(buffers[1] + i * f->size, f->size, f->sent + i);
	}
	if (n > 1)
		add_segment(&msg, (uint16_t)f->size);
	if (sendmsg(f->fds[f->sent % f->flows], &msg, 0) < 0) {
		/* EMSGSIZE: an earlier one was too big; the next ones are sent in fragments */
		if (errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED &&
		    !(errno == EMSGSIZE && n == 1))
			error(1, errno, "send");
		return false;
	}
	f->sent += n;
	f->outstanding += n;
	return true;
}

static inline void open_flows(struct flow *f)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	f->epoll = epoll_create1(0);
	f->fds = calloc(f->flows, sizeof(*f->fds));
	f->highest = calloc(f->flows, sizeof(*f->highest));
	f->seen = calloc(1, f->count / 8 + 1);
	for (uint64_t i = 0; i < f->flows; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u64 = i };

		f->fds[i] = client_socket(f->from, f->port ? (uint16_t)(f->port + i) : 0);
		big_buffers(f->fds[i]);
		if (f->flows == 1)
			set_int(f->fds[i], SOL_UDP, UDP_GRO, 1);
		epoll_ctl(f->epoll, EPOLL_CTL_ADD, f->fds[i], &ev);
	}
}

static inline bool may_send(const struct flow *f, uint64_t next)
{
	return f->sent < f->count && f->outstanding + f->gso <= f->window &&
	       (!next || now_ms() >= next);
}

static inline void run_flow(struct flow *f)
{
	uint64_t last = now_ms(), next = 0;
	unsigned int silent = 0;

	while (f->received + f->lost + f->wrong < f->count && silent < 10) {
		struct epoll_event events[64];
		int n;

		while (may_send(f, next) && send_some(f))
			next = f->pause ? now_ms() + f->pause : 0;
		n = epoll_wait(f->epoll, events, 64, f->sent < f->count ? 1 : 100);
		for (int i = 0; i < n; i++)
			receive(f, (unsigned int)events[i].data.u64);
		if (n > 0) {
			last = now_ms();
			silent = 0;
		}
		if (now_ms() - last > f->idle) {
			f->lost += f->outstanding;
			f->outstanding = 0;
			silent++;
			last = now_ms();
		}
	}
}

static inline int cmd_flow(char **args)
{
	static struct flow f = {
		.count = 1000, .size = 64, .window = 64, .flows = 1, .gso = 1, .idle = 2000
	};
	struct {
		const char *key;
		uint64_t *value;
	} keys[] = { { "count", &f.count }, { "size", &f.size }, { "window", &f.window },
		     { "flows", &f.flows }, { "gso", &f.gso },   { "port", &f.port },
		     { "ack", &f.ack },     { "idle", &f.idle }, { "pause", &f.pause } };
	uint64_t begin;

	for (; *args; args++) {
		size_t len = strcspn(*args, "=");
		bool found = false;

		if (!strncmp(*args, "progress=", 9) || !strncmp(*args, "from=", 5)) {
			*(**args == 'p' ? &f.progress : &f.from) = strchr(*args, '=') + 1;
			continue;
		}
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			if (strlen(keys[i].key) != len || strncmp(keys[i].key, *args, len))
				continue;
			*keys[i].value = strtoull(*args + len + 1, NULL, 10);
			found = true;
		}
		if (!found)
			error(2, 0, "unknown: %s", *args);
	}
	if (!f.size || (f.gso > 1 && f.flows > 1) || f.gso * f.size > 65000 + f.size)
		error(2, 0, "these do not go together");
	if (f.size < HEADER)
		f.window = 1; /* without a number, only one datagram at a time can be checked */
	open_flows(&f);
	begin = now_ms();
	run_flow(&f);
	printf("sent %llu received %llu lost %llu wrong %llu reordered %llu ms %llu\n",
	       (unsigned long long)f.sent, (unsigned long long)f.received,
	       (unsigned long long)(f.ack ? f.lost : f.sent - f.received),
	       (unsigned long long)f.wrong, (unsigned long long)f.reordered,
	       (unsigned long long)(now_ms() - begin));
	return 0;
}

#endif
