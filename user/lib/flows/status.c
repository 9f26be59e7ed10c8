/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/flows/status.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/flows/ask.h"
#include "lib/util.h"

union answer {
	struct flows_head head;
	struct flows_status status;
	struct flows_end end;
};

/* The kernel names the sender of a message to a socket with SO_PASSCRED. */
static pid_t sender_of(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct ucred peer;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS ||
		    c->cmsg_len < CMSG_LEN(sizeof(peer)))
			continue;
		memcpy(&peer, CMSG_DATA(c), sizeof(peer));
		return peer.pid;
	}
	return 0;
}

/* What is missing at the end stays 0. The length, or -errno. */
static ssize_t receive(int fd, union answer *ret_answer, pid_t *ret_pid)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = { ret_answer, sizeof(*ret_answer) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n;

	memset(ret_answer, 0, sizeof(*ret_answer));
	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	*ret_pid = sender_of(&msg);
	return n;
}

static bool is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size);
}

static bool is_sane(const struct flows_status *s)
{
	return is_text(s->version, sizeof(s->version)) &&
	       is_text(s->upstream_down, sizeof(s->upstream_down)) &&
	       is_text(s->log_path, sizeof(s->log_path));
}

/* A refusal is the end at once. */
static int judge(const union answer *answer, ssize_t len)
{
	if (len < (ssize_t)sizeof(answer->head))
		return len ? -EPROTO : -ECONNRESET;
	if (answer->head.version != FLOWS_VERSION)
		return -EPROTO;
	if (answer->head.kind == FLOWS_END && len == sizeof(answer->end) && answer->end.err > 0)
		return -answer->end.err;
	return answer->head.kind == FLOWS_STATUS && is_sane(&answer->status) ? 0 : -EPROTO;
}

int flows_ask_status(const char *relay, unsigned int silence_s, struct flows_told *ret_told)
{
	const struct flows_request request = { .head = { .version = FLOWS_VERSION,
							 .kind = FLOWS_ASK_STATUS } };
	__cleanup_close int fd = -1;
	const int on = 1;
	union answer answer;
	pid_t pid = 0;
	ssize_t n;
	int err = flows_dial(relay, silence_s, &fd);

	if (err)
		return err;
	setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	/* A relay that refuses us has closed: its reason can still be read. */
	if (send(fd, &request, sizeof(request), MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return -errno;
	n = receive(fd, &answer, &pid);
	err = n < 0 ? (int)n : judge(&answer, n);
	if (!err)
		*ret_told = (struct flows_told){ .status = answer.status, .pid = pid };
	return err;
}
