/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/handover.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/un.h>

#include "lib/util.h"

#define HANDOVER_MAGIC 0x74707831 /* another one for each change of struct offer */
#define ANSWER_TIMEOUT_S 5
#define FDS_MAX (LISTENERS_MAX + 1) /* the door comes first; the kernel takes 253 */

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

static socklen_t door_address(const char *name, struct sockaddr_un *ret_addr)
{
	*ret_addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* sun_path[0] stays zero: an abstract name, as long as the length given says. */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   (size_t)snprintf(ret_addr->sun_path + 1, sizeof(ret_addr->sun_path) - 1,
					    "tproxy-relay/%s", name));
}

static int door_socket(int flags)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);

	return fd < 0 ? -errno : fd;
}

/* Abstract names are for anybody to take and to call. */
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

/* 0 or -errno; what came is owned by the caller, or closed. */
static int receive_offer(int line, struct inherited *ret_heritage, int *ret_door)
{
	struct inherited h = { 0 };
	struct offer offer;
	struct iovec iov = { &offer, sizeof(offer) };
	union fds_control control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fds[FDS_MAX];
	ssize_t n = recvmsg(line, &msg, MSG_CMSG_CLOEXEC);
	unsigned int count;
	int door = -1;

	if (n < 0)
		return -errno;
	if (!n)
		return -ECONNRESET;
	count = take_fds(&msg, fds);
	if (count)
		door = fds[0];
	for (; h.count + 1 < count; h.count++)
		h.fds[h.count] = fds[h.count + 1];
	if ((size_t)n != sizeof(offer) || offer.magic != HANDOVER_MAGIC || !count ||
	    offer.count != h.count) {
		inherited_close(&h);
		cleanup_fd(&door);
		return -EPROTO;
	}
	for (unsigned int i = 0; i < h.count; i++)
		h.way[i] = offer.way[i];
	*ret_heritage = h;
	*ret_door = door;
	return 0;
}

int handover_ask(const char *name, struct inherited *ret_heritage, int *ret_line, int *ret_door,
		 char *ret_why, size_t size)
{
	struct timeval patience = { .tv_sec = ANSWER_TIMEOUT_S };
	__cleanup_close int line = door_socket(0);
	struct sockaddr_un addr;
	socklen_t len = door_address(name, &addr);
	int err;

	*ret_line = *ret_door = -1;
	if (line < 0)
		return fail(line, ret_why, size, "hand-over: no socket: %s", strerror(-line));
	setsockopt(line, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(line, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(line, (struct sockaddr *)&addr, len))
		return 0; /* nobody there: the usual start; what else it may be, bind will tell */
	if (!trusted(line, geteuid()))
		return 0; /* not ours: if it has the listeners too, binding them says so */
	err = receive_offer(line, ret_heritage, ret_door);
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
	*ret_line = take_fd(&line);
	return 0;
}

void handover_finish(int *line)
{
	if (*line >= 0)
		send(*line, "", 1, MSG_NOSIGNAL);
	cleanup_fd(line);
	*line = -1;
}

int handover_open(struct handover *h, const char *name, int inherited)
{
	__cleanup_close int door = inherited >= 0 ? inherited : door_socket(SOCK_NONBLOCK);
	struct sockaddr_un addr;
	socklen_t len = door_address(name, &addr);

	*h = (struct handover){ .door = -1, .peer = -1, .uid = geteuid() };
	if (door < 0)
		return door;
	if (inherited < 0 && bind(door, (struct sockaddr *)&addr, len))
		return -errno;
	/* Also for an inherited one: peers see the credentials of who called it last. */
	if (listen(door, 8))
		return -errno;
	h->door = take_fd(&door);
	return 0;
}

static int send_offer(int to, int door, const struct inherited *inherited)
{
	struct offer offer = { .magic = HANDOVER_MAGIC, .count = inherited->count };
	struct iovec iov = { &offer, sizeof(offer) };
	size_t fds_size = (inherited->count + 1) * sizeof(int);
	union fds_control control = { 0 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = CMSG_SPACE(fds_size) };

	control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(fds_size),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.head), &door, sizeof(int));
	memcpy(CMSG_DATA(&control.head) + sizeof(int), inherited->fds, fds_size - sizeof(int));
	for (unsigned int i = 0; i < inherited->count; i++)
		offer.way[i] = inherited->way[i];
	return sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int handover_answer(struct handover *h, const struct inherited *inherited)
{
	__cleanup_close int peer = accept4(h->door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int err;

	if (peer < 0)
		return -errno;
	if (!trusted(peer, h->uid))
		return -EPERM;
	err = send_offer(peer, h->door, inherited);
	if (!err)
		h->peer = take_fd(&peer);
	return err;
}

int handover_verdict(struct handover *h)
{
	char done;
	ssize_t n = recv(h->peer, &done, sizeof(done), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	cleanup_fd(&h->peer);
	h->peer = -1;
	return n == 1;
}

void handover_close(struct handover *h)
{
	cleanup_fd(&h->door);
	cleanup_fd(&h->peer);
	h->door = h->peer = -1;
}
