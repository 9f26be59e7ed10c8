/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/udpbatch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "relay/sockopt.h"

#define BATCH_SIZE 32
#define DATAGRAM_SIZE 65536 /* above the largest there is; smaller ones would be cut */
#define CONTROL_SIZE 128

struct udp_batch {
	struct mmsghdr msgs[BATCH_SIZE];
	struct iovec iov[BATCH_SIZE];
	union saddr from[BATCH_SIZE];
	_Alignas(8) char control[BATCH_SIZE][CONTROL_SIZE];
	uint8_t data[BATCH_SIZE][DATAGRAM_SIZE];
};

/* Mapped: pages become memory only once a datagram that large arrives. */
struct udp_batch *udp_batch_new(void)
{
	struct udp_batch *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (b == MAP_FAILED)
		return NULL;
	for (int i = 0; i < BATCH_SIZE; i++) {
		b->iov[i] = (struct iovec){ b->data[i], DATAGRAM_SIZE };
		b->msgs[i].msg_hdr.msg_iov = &b->iov[i];
		b->msgs[i].msg_hdr.msg_iovlen = 1;
		b->msgs[i].msg_hdr.msg_name = &b->from[i];
		b->msgs[i].msg_hdr.msg_control = b->control[i];
	}
	return b;
}

void udp_batch_free(struct udp_batch *b)
{
	if (b)
		munmap(b, sizeof(*b));
}

int udp_batch_receive(struct udp_batch *b, int fd)
{
	int n;

	for (int i = 0; i < BATCH_SIZE; i++) {
		b->msgs[i].msg_hdr.msg_namelen = sizeof(b->from[i]);
		b->msgs[i].msg_hdr.msg_controllen = CONTROL_SIZE;
	}
	do {
		n = recvmmsg(fd, b->msgs, BATCH_SIZE, MSG_DONTWAIT, NULL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n;
}

const union saddr *udp_batch_from(const struct udp_batch *b, int i)
{
	return &b->from[i];
}

const void *udp_batch_data(const struct udp_batch *b, int i, size_t *ret_len)
{
	*ret_len = b->msgs[i].msg_len;
	return b->data[i];
}

bool udp_batch_dst(struct udp_batch *b, int i, union saddr *ret_dst)
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
