/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/udp/batch.h"

#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "relay/net/sockopt.h"

#define BATCH_SIZE 64
#define BATCH_BYTES (512 * 1024) /* the target: more would not stay in the CPU's cache */
#define RUN_SIZE 65536           /* no run is larger; a smaller buffer would truncate some */
/* With a power of two, the starts of all buffers would compete for the same cache lines. */
#define RUN_STRIDE (RUN_SIZE + 5 * 64)
#define CONTROL_SIZE 256

struct batch {
	const kept_marks *marks;
	unsigned int wanted; /* number of runs to ask for the next time */
	bool full;
	struct mmsghdr msgs[BATCH_SIZE];
	struct iovec iov[BATCH_SIZE];
	union saddr from[BATCH_SIZE];
	_Alignas(8) char control[BATCH_SIZE][CONTROL_SIZE];
	_Alignas(64) uint8_t data[BATCH_SIZE][RUN_STRIDE];
};

/* mmap, because a page takes memory only when a run that long arrives. */
struct batch *batch_new(const kept_marks *marks)
{
	struct batch *b =
		mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (b == MAP_FAILED)
		return NULL;
	b->marks = marks;
	b->wanted = BATCH_SIZE;
	for (int i = 0; i < BATCH_SIZE; i++) {
		b->iov[i] = (struct iovec){ b->data[i], RUN_SIZE };
		b->msgs[i].msg_hdr.msg_iov = &b->iov[i];
		b->msgs[i].msg_hdr.msg_iovlen = 1;
		b->msgs[i].msg_hdr.msg_name = &b->from[i];
		b->msgs[i].msg_hdr.msg_control = b->control[i];
	}
	return b;
}

void batch_free(struct batch *b)
{
	if (b)
		munmap(b, sizeof(*b));
}

void batch_accept_runs(int fd)
{
	sockopt_on(fd, SOL_UDP, UDP_GRO);
}

/* Asks for fewer runs when they are long, for as many as there are when they are short. */
static void choose_wanted(struct batch *b, int n)
{
	size_t bytes = 0;

	for (int i = 0; i < n; i++)
		bytes += b->msgs[i].msg_len;
	b->wanted =
		bytes / (size_t)n * BATCH_SIZE > BATCH_BYTES ? BATCH_BYTES / RUN_SIZE : BATCH_SIZE;
}

int batch_receive(struct batch *b, int fd)
{
	int n;

	for (unsigned int i = 0; i < b->wanted; i++) {
		b->msgs[i].msg_hdr.msg_namelen = sizeof(b->from[i]);
		b->msgs[i].msg_hdr.msg_controllen = CONTROL_SIZE;
	}
	do {
		n = recvmmsg(fd, b->msgs, b->wanted, MSG_DONTWAIT, NULL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	b->full = n > 0 && (unsigned int)n == b->wanted;
	if (n > 0)
		choose_wanted(b, n);
	return n;
}

bool batch_was_full(const struct batch *b)
{
	return b->full;
}

const union saddr *batch_from(const struct batch *b, int i)
{
	return &b->from[i];
}

struct run batch_run(struct batch *b, int i)
{
	struct msghdr *msg = &b->msgs[i].msg_hdr;
	struct run run = { .data = b->data[i], .len = b->msgs[i].msg_len };
	struct ip_fields_reading fields = { 0 };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		int segment;

		ip_fields_read(&fields, c);
		if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&segment, CMSG_DATA(c), sizeof(segment));
		if (segment > 0 && (size_t)segment < run.len)
			run.segment = (uint16_t)segment;
	}
	run.fields = ip_fields_result(&fields, b->from[i].sa.sa_family,
				      atomic_load_explicit(b->marks, memory_order_relaxed));
	return run;
}

bool batch_dst(struct batch *b, int i, union saddr *ret_dst)
{
	struct msghdr *msg = &b->msgs[i].msg_hdr;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_ORIGDSTADDR) {
			memset(ret_dst, 0, sizeof(*ret_dst));
			memcpy(&ret_dst->v4, CMSG_DATA(c), sizeof(ret_dst->v4));
			return true;
		}
		if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_ORIGDSTADDR) {
			memset(ret_dst, 0, sizeof(*ret_dst));
			memcpy(&ret_dst->v6, CMSG_DATA(c), sizeof(ret_dst->v6));
			ret_dst->v6.sin6_flowinfo = 0;
			return true;
		}
	}
	return false;
}
