/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One connection, or one datagram of an unconnected socket, by io_uring: its hooks may run in
 * another thread than that of the application. Prints the answer, or the errno.
 *
 *   uring tcp|udp ADDRESS PORT [poll]     poll: a thread of the kernel submits (IORING_SETUP_SQPOLL)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

struct ring {
	int fd;
	struct io_uring_params params;
	char *sq, *cq; /* the shared rings */
	struct io_uring_sqe *sqes;
};

static unsigned int *field(char *ring, __u32 offset)
{
	return (unsigned int *)(ring + offset);
}

static char *map(int fd, size_t len, off_t what)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);

	return at == MAP_FAILED ? NULL : at;
}

static int ring_open(struct ring *r, unsigned int flags)
{
	const struct io_uring_params *p = &r->params;

	r->params = (struct io_uring_params){ .flags = flags, .sq_thread_idle = 1000 };
	r->fd = (int)syscall(SYS_io_uring_setup, 4, &r->params);
	if (r->fd < 0)
		return -errno;
	r->sq = map(r->fd, p->sq_off.array + p->sq_entries * sizeof(__u32), IORING_OFF_SQ_RING);
	r->cq = map(r->fd, p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe),
		    IORING_OFF_CQ_RING);
	r->sqes = (void *)map(r->fd, p->sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	return r->sq && r->cq && r->sqes ? 0 : -ENOMEM;
}

/* Runs one operation and returns its result. */
static int ring_run(struct ring *r, const struct io_uring_sqe *sqe)
{
	const struct io_sqring_offsets *sq = &r->params.sq_off;
	const struct io_cqring_offsets *cq = &r->params.cq_off;
	unsigned int tail = *field(r->sq, sq->tail), index = tail & *field(r->sq, sq->ring_mask);
	unsigned int flags = IORING_ENTER_GETEVENTS, head = *field(r->cq, cq->head);
	struct io_uring_cqe *cqes = (struct io_uring_cqe *)(r->cq + cq->cqes);

	if (r->params.flags & IORING_SETUP_SQPOLL)
		flags |= IORING_ENTER_SQ_WAKEUP;
	r->sqes[index] = *sqe;
	field(r->sq, sq->array)[index] = index;
	__atomic_store_n(field(r->sq, sq->tail), tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, 1, 1, flags, NULL, 0) < 0)
		return -errno;
	return cqes[head & *field(r->cq, cq->ring_mask)].res;
}

/* Both families; ret_len: of the address. */
static int parse(const char *address, const char *port, struct sockaddr_storage *ret,
		 socklen_t *ret_len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	*ret_len = strchr(address, ':') ? sizeof(*v6) : sizeof(*v4);
	ret->ss_family = strchr(address, ':') ? AF_INET6 : AF_INET;
	v4->sin_port = htons((uint16_t)atoi(port)); /* in both at the same place */
	return inet_pton(ret->ss_family, address,
			 ret->ss_family == AF_INET ? (void *)&v4->sin_addr : &v6->sin6_addr);
}

static int begin(struct ring *r, int sock, bool tcp, struct sockaddr_storage *to, socklen_t len)
{
	struct iovec data = { .iov_base = "xx", .iov_len = 2 };
	struct msghdr msg = {
		.msg_name = to, .msg_namelen = len, .msg_iov = &data, .msg_iovlen = 1
	};
	struct io_uring_sqe sqe = { .opcode = IORING_OP_SENDMSG, .fd = sock, .len = 1 };
	int result;

	sqe.addr = (uint64_t)(uintptr_t)&msg;
	if (tcp) {
		sqe.opcode = IORING_OP_CONNECT;
		sqe.len = 0;
		sqe.addr = (uint64_t)(uintptr_t)to;
		sqe.off = len;
	}
	result = ring_run(r, &sqe);
	if (tcp && !result && write(sock, "xx", 2) != 2)
		return -errno;
	return result;
}

int main(int argc, char **argv)
{
	bool tcp = argc > 1 && !strcmp(argv[1], "tcp");
	struct timeval limit = { .tv_sec = 5 };
	struct sockaddr_storage to;
	char answer[256];
	struct ring ring;
	socklen_t len;
	int sock, err;
	ssize_t got;

	if (argc < 4 || parse(argv[2], argv[3], &to, &len) != 1)
		return 2;
	err = ring_open(&ring, argc > 4 ? IORING_SETUP_SQPOLL : 0);
	if (err) {
		fprintf(stderr, "io_uring: %s\n", strerror(-err));
		return 77;
	}
	sock = socket(to.ss_family, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	err = begin(&ring, sock, tcp, &to, len);
	got = err < 0 ? err : read(sock, answer, sizeof(answer) - 1);
	if (got < 0) {
		puts(strerrorname_np(err < 0 ? -err : errno));
		return 1;
	}
	answer[got] = '\0';
	printf("%s%s", answer, tcp ? "" : "\n");
	return 0;
}
