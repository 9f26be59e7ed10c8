/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/handover.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/un.h>

#include "lib/util.h"

#define HANDOVER_MAGIC 0x74707831 /* another one for each change of struct offer */
#define ANSWER_TIMEOUT_S 5
#define HANDOVER_BACKLOG 8
#define FDS_MAX (LISTENERS_MAX + 1) /* the listening socket comes first; the kernel takes 253 */

/* One message, with all descriptors. */
struct offer {
	uint32_t magic;
	uint32_t count; /* of listeners */
	uint8_t way[LISTENERS_MAX];
};

union fds_control {
	struct cmsghdr head;
	char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

void handover_name(const struct options *o, char *ret_name)
{
	snprintf(ret_name, HANDOVER_NAME_LEN, "%u%s%s", o->listen[0], *o->device ? "%" : "",
		 o->device);
}

static socklen_t handover_address(const char *name, struct sockaddr_un *ret_addr)
{
	*ret_addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* sun_path[0] stays zero: an abstract name, which ends where the length says. */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   (size_t)snprintf(ret_addr->sun_path + 1, sizeof(ret_addr->sun_path) - 1,
					    "tproxy-relay/%s", name));
}

static int handover_socket(int flags)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);

	return fd < 0 ? -errno : fd;
}

/* Anybody may bind an abstract name, and connect to it. */
static bool trusted(int fd, uid_t uid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	return peer.uid == 0 || peer.uid == uid;
}

static int __printf(4, 5) fail(int err, char *ret_why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ret_why, size, fmt, ap);
	va_end(ap);
	return err;
}

/* All descriptors of a message, into fds (FDS_MAX). Returns their number. */
static unsigned int take_fds(struct msghdr *msg, int *fds)
{
	unsigned int count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n && count < FDS_MAX; i++)
			memcpy(&fds[count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return count;
}

/* 0 or -errno; in ret_takeover only with 0. */
static int receive_offer(int old_relay_fd, struct takeover *ret_takeover)
{
	struct takeover t = { .old_relay_fd = -1, .listen_fd = -1 };
	struct inherited *listeners = &t.listeners;
	struct offer offer;
	struct iovec iov = { &offer, sizeof(offer) };
	union fds_control control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fds[FDS_MAX];
	ssize_t n = recvmsg(old_relay_fd, &msg, MSG_CMSG_CLOEXEC);
	unsigned int count;

	if (n < 0)
		return -errno;
	if (!n)
		return -ECONNRESET;
	count = take_fds(&msg, fds);
	if (count)
		t.listen_fd = fds[0];
	for (; listeners->count + 1 < count; listeners->count++)
		listeners->fds[listeners->count] = fds[listeners->count + 1];
	if ((size_t)n != sizeof(offer) || offer.magic != HANDOVER_MAGIC || !count ||
	    offer.count != listeners->count) {
		inherited_close(listeners);
		cleanup_fd(&t.listen_fd);
		return -EPROTO;
	}
	for (unsigned int i = 0; i < listeners->count; i++)
		listeners->way[i] = offer.way[i];
	*ret_takeover = t;
	return 0;
}

/* False: no relay of ours answers. If another process has our ports, binding them will fail. */
static bool connect_to_old(int fd, const char *name)
{
	struct timeval patience = { .tv_sec = ANSWER_TIMEOUT_S };
	struct sockaddr_un addr;
	socklen_t len = handover_address(name, &addr);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return !connect(fd, (struct sockaddr *)&addr, len) && trusted(fd, geteuid());
}

int handover_ask(const char *name, struct takeover *ret_takeover, char *ret_why, size_t size)
{
	__cleanup_close int fd = handover_socket(0);
	int err;

	*ret_takeover = (struct takeover){ .old_relay_fd = -1, .listen_fd = -1 };
	if (fd < 0)
		return fail(fd, ret_why, size,
			    "hand-over: no socket: %s (check the limit of open files)",
			    strerror(-fd));
	if (!connect_to_old(fd, name))
		return 0;
	err = receive_offer(fd, ret_takeover);
	if (err == -EPROTO)
		return fail(err, ret_why, size,
			    "hand-over: the relay that serves port %s is of "
			    "another version (stop it first)",
			    name);
	if (err)
		return fail(err, ret_why, size,
			    "hand-over: the relay that serves port %s does not "
			    "give its listeners: %s (stop it first)",
			    name, err == -EAGAIN ? "no answer" : strerror(-err));
	ret_takeover->old_relay_fd = take_fd(&fd);
	return 0;
}

void handover_finish(int *old_relay_fd)
{
	if (*old_relay_fd >= 0)
		send(*old_relay_fd, "", 1, MSG_NOSIGNAL);
	cleanup_fd(old_relay_fd);
	*old_relay_fd = -1;
}

int handover_open(struct handover *h, const char *name, int listen_fd)
{
	__cleanup_close int fd = listen_fd >= 0 ? listen_fd : handover_socket(SOCK_NONBLOCK);
	struct sockaddr_un addr;
	socklen_t len = handover_address(name, &addr);

	*h = (struct handover){ .listen_fd = -1, .new_relay_fd = -1, .uid = geteuid() };
	if (fd < 0)
		return fd;
	if (listen_fd < 0 && bind(fd, (struct sockaddr *)&addr, len))
		return -errno;
	/* Also for an inherited one: peers see the credentials of the latest caller of listen. */
	if (listen(fd, HANDOVER_BACKLOG))
		return -errno;
	h->listen_fd = take_fd(&fd);
	return 0;
}

static int send_offer(int to, int listen_fd, const struct inherited *listeners)
{
	struct offer offer = { .magic = HANDOVER_MAGIC, .count = listeners->count };
	struct iovec iov = { &offer, sizeof(offer) };
	size_t fds_size = (listeners->count + 1) * sizeof(int);
	union fds_control control = { 0 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = CMSG_SPACE(fds_size) };

	control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(fds_size),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.head), &listen_fd, sizeof(int));
	memcpy(CMSG_DATA(&control.head) + sizeof(int), listeners->fds, fds_size - sizeof(int));
	for (unsigned int i = 0; i < listeners->count; i++)
		offer.way[i] = listeners->way[i];
	return sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int handover_answer(struct handover *h, const struct inherited *listeners)
{
	__cleanup_close int fd = accept4(h->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int err;

	if (fd < 0)
		return -errno;
	if (!trusted(fd, h->uid))
		return -EPERM;
	err = send_offer(fd, h->listen_fd, listeners);
	if (!err)
		h->new_relay_fd = take_fd(&fd);
	return err;
}

int handover_verdict(struct handover *h)
{
	char done;
	ssize_t n = recv(h->new_relay_fd, &done, sizeof(done), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	cleanup_fd(&h->new_relay_fd);
	h->new_relay_fd = -1;
	return n == 1;
}

void handover_close(struct handover *h)
{
	cleanup_fd(&h->listen_fd);
	cleanup_fd(&h->new_relay_fd);
	h->listen_fd = h->new_relay_fd = -1;
}
