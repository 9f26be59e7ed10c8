/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/message.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/util.h"

#define MAGIC "tpxh"

struct header {
	char magic[4];
	uint16_t type;
	uint16_t version;
};

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))];
};

int message_send(int to, const struct message_out *out)
{
	struct header header = { .magic = MAGIC,
				 .type = (uint16_t)out->type,
				 .version = MESSAGE_VERSION };
	struct iovec iov[] = { { &header, sizeof(header) }, { (void *)out->body, out->size } };
	size_t fds_size = out->fd_count * sizeof(int);
	union control control = { 0 };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = out->size ? 2 : 1 };

	if (out->fd_count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fds_size);
		control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(fds_size),
						 .cmsg_level = SOL_SOCKET,
						 .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.head), out->fds, fds_size);
	}
	return sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int message_send_plain(int to, enum message_type type)
{
	return message_send(to, &(struct message_out){ .type = type });
}

/* ---- receiving ---------------------------------------------------------- */

static void take_fds(struct msghdr *msg, struct message *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n && m->fd_count < MESSAGE_FDS_MAX; i++)
			memcpy(&m->fds[m->fd_count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
}

/* Bytes of the body; those of other types belong to other modules. */
static bool is_complete(const struct message *m)
{
	switch (m->type) {
	case MESSAGE_OFFER:
		return m->size == sizeof(m->offer);
	case MESSAGE_REFUSED:
		return m->size == sizeof(m->refusal);
	case MESSAGE_RETIRED:
		return m->size == sizeof(m->peer);
	case MESSAGE_PAUSED:
		return m->size == sizeof(m->paused);
	default:
		return true;
	}
}

/* A refusal is understood in every version. */
static bool is_ours(const struct header *header, size_t size, const struct message *m)
{
	return size >= sizeof(*header) && !memcmp(header->magic, MAGIC, sizeof(header->magic)) &&
	       (m->version == MESSAGE_VERSION || m->type == MESSAGE_REFUSED) && is_complete(m);
}

int message_receive(int from, unsigned int max_fds, struct message *ret_message)
{
	struct message *m = ret_message;
	struct header header = { 0 };
	struct iovec iov[] = { { &header, sizeof(header) }, { m->body, sizeof(m->body) } };
	union control control;
	struct msghdr msg = { .msg_iov = iov,
			      .msg_iovlen = ARRAY_SIZE(iov),
			      .msg_control = max_fds ? &control : NULL,
			      .msg_controllen = max_fds ? CMSG_SPACE(max_fds * sizeof(int)) : 0 };
	ssize_t n = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);

	m->fd_count = 0;
	if (n <= 0)
		return n ? -errno : -ECONNRESET;
	take_fds(&msg, m);
	m->type = header.type;
	m->version = header.version;
	m->size = (size_t)n > sizeof(header) ? (uint32_t)((size_t)n - sizeof(header)) : 0;
	if (!(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && is_ours(&header, (size_t)n, m))
		return 0;
	message_close(m);
	return msg.msg_flags & MSG_CTRUNC ? -EMFILE : -EPROTO;
}

void message_close(struct message *m)
{
	for (unsigned int i = 0; i < m->fd_count; i++)
		cleanup_fd(&m->fds[i]);
	m->fd_count = 0;
}
