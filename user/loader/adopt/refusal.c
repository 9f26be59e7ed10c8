/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/adopt/refusal.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/state/state.h"
#include "lib/util.h"

#define MAX_SOCKETS 4096 /* of one process that are examined */

/* ---- one socket --------------------------------------------------------- */

static const char *refusal_of_kind(const struct socket_info *info)
{
	if (info->domain == AF_UNIX)
		return "it listens on a Unix socket, which takes no flows of IP (give it a TCP port)";
	if (info->domain != AF_INET && info->domain != AF_INET6)
		return "its sockets are neither IPv4 nor IPv6";
	if (info->type == SOCK_SEQPACKET ||
	    (info->protocol != IPPROTO_TCP && info->protocol != IPPROTO_UDP))
		return "its socket is neither TCP nor UDP";
	return NULL;
}

const char *refusal_of_socket(const struct socket_info *info)
{
	const char *kind = refusal_of_kind(info);

	if (kind)
		return kind;
	if (!info->here)
		return "its socket belongs to another network namespace (tproxy-loader -n NAME "
		       "works in a named one)";
	if (info->connected)
		return "its socket is connected, and takes packets of its peer only";
	if (info->protocol == IPPROTO_TCP && !info->listening)
		return "its socket does not listen (start it first)";
	if (info->protocol == IPPROTO_UDP && !info->port)
		return "its socket has no port yet";
	if (info->protocol == IPPROTO_UDP && !info->learns_dst && !info->learns_addr)
		return "its UDP socket does not ask for the original destination, which would be "
		       "lost (the program needs IP_RECVORIGDSTADDR, for IPv6 "
		       "IPV6_RECVORIGDSTADDR)";
	return NULL;
}

/* ---- a process without one ---------------------------------------------- */

struct look {
	const struct process *process;
	const struct refusal_place *place;
	size_t examined;
	int err;
	const char *why; /* the best so far */
	bool exact;      /* it is of a socket at this port */
	char ports[128]; /* where it listens */
	size_t len;
};

static bool is_at(const struct look *look, const struct socket_info *info)
{
	return !look->place->port || info->port == look->place->port;
}

static void note_port(struct look *look, const struct socket_info *info)
{
	const size_t room = sizeof(look->ports) - look->len;
	int len;

	if (!info->port || refusal_of_kind(info) ||
	    (info->protocol == IPPROTO_TCP && !info->listening))
		return;
	len = snprintf(look->ports + look->len, room, "%s%s/%u", look->len ? ", " : "",
		       info->protocol == IPPROTO_TCP ? "tcp" : "udp", info->port);
	if (len > 0 && (size_t)len < room)
		look->len += (size_t)len;
	else
		look->ports[look->len] = '\0';
}

/* Sockets without a port, such as connections to a log or to a database, explain little. */
static void note_reason(struct look *look, const struct socket_info *info)
{
	const bool exact = look->place->port && info->port == look->place->port;
	const bool may_listen = info->domain == AF_UNIX ? info->listening : info->port != 0;

	if (!is_at(look, info) || !may_listen || (look->why && (look->exact || !exact)))
		return;
	look->why = refusal_of_socket(info);
	look->exact = exact;
}

static int look_at(int number, __u32 inode, void *arg)
{
	struct look *look = arg;
	struct socket_info info;
	__cleanup_close int fd = process_take_fd(look->process, number);

	(void)inode;
	if (fd < 0) {
		if (fd != -EBADF)
			look->err = fd;
		return look->err;
	}
	if (!socket_examine(fd, &info)) {
		note_port(look, &info);
		note_reason(look, &info);
	}
	return ++look->examined >= MAX_SOCKETS;
}

static bool is_elsewhere(const struct process *process)
{
	const __u64 netns = process_netns(process);

	return netns && netns != state_netns();
}

char *refusal_of_process(const struct process *process, const struct refusal_place *place,
			 char *buf)
{
	struct look look = { .process = process, .place = place };
	int err = process_walk_sockets(process, look_at, &look);

	if (err < 0)
		snprintf(buf, REFUSAL_LEN, "%s", refusal_of_error(err));
	else if (is_elsewhere(process))
		snprintf(buf, REFUSAL_LEN,
			 "it runs in another network namespace (tproxy-loader -n NAME works in a "
			 "named one)");
	else if (look.why)
		snprintf(buf, REFUSAL_LEN, "%s", look.why);
	else if (look.len && place->port)
		snprintf(buf, REFUSAL_LEN, "it does not listen on port %u, but on %s (--port)",
			 place->port, look.ports);
	else
		snprintf(buf, REFUSAL_LEN, "it does not listen on any port (start it first)");
	return buf;
}

/* ---- errors ------------------------------------------------------------- */

const char *refusal_of_error(int err)
{
	switch (-err) {
	case ESRCH:
		return "there is no such process";
	case EPERM:
	case EACCES:
		return "the kernel does not let us at its sockets (run as root, with "
		       "CAP_SYS_PTRACE; kernel.yama.ptrace_scope must not be 3)";
	case ENOSYS:
		return "this kernel has no pidfd_getfd (Linux 5.6 or newer)";
	default:
		return strerror(-err);
	}
}
