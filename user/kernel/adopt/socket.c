/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/adopt/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "kernel/state/state.h"
#include "lib/mapped.h"
#include "lib/util.h"

#ifndef IPV6_RECVORIGDSTADDR
#define IPV6_RECVORIGDSTADDR 74
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* 0 also if the socket has no such option. */
static int option_of(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) ? 0 : value;
}

static __u64 cookie_of(int fd)
{
	__u64 cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0 : cookie;
}

static bool is_here(int fd)
{
	const __u64 netns = state_netns_cookie_of(fd);

	return netns && netns == state_netns_cookie();
}

static void read_place(int fd, struct socket_info *info)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_storage room;
	} name = { .any.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(name);

	if (getsockname(fd, &name.any, &len))
		return;
	if (name.any.sa_family == AF_INET) {
		info->port = ntohs(name.v4.sin_port);
		if (name.v4.sin_addr.s_addr)
			mapped_from(AF_INET, (const __u8 *)&name.v4.sin_addr, info->addr);
	} else if (name.any.sa_family == AF_INET6) {
		info->port = ntohs(name.v6.sin6_port);
		memcpy(info->addr, &name.v6.sin6_addr, sizeof(info->addr));
	}
	len = sizeof(name);
	info->connected = !getpeername(fd, &name.any, &len);
}

/*
 * The options of the level IP concern the IPv4 flows of an IPv6 socket; both must be wanted then.
 */
static void read_learning(int fd, struct socket_info *info)
{
	const bool v4 = option_of(fd, IPPROTO_IP, IP_RECVORIGDSTADDR) > 0;
	const bool v4_addr = option_of(fd, IPPROTO_IP, IP_PKTINFO) > 0;

	if (info->domain == AF_INET) {
		info->learns_dst = v4;
		info->learns_addr = v4_addr;
		return;
	}
	info->learns_dst =
		option_of(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR) > 0 && (info->v6only || v4);
	info->learns_addr = option_of(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO) > 0;
}

int socket_examine(int fd, struct socket_info *ret_info)
{
	struct socket_info info = { .cookie = cookie_of(fd) };
	struct stat st;

	if (!info.cookie || fstat(fd, &st))
		return -errno;
	info.uid = st.st_uid;
	info.inode = (__u32)st.st_ino;
	info.domain = option_of(fd, SOL_SOCKET, SO_DOMAIN);
	info.type = option_of(fd, SOL_SOCKET, SO_TYPE);
	info.protocol = option_of(fd, SOL_SOCKET, SO_PROTOCOL);
	info.is_mptcp = info.protocol == IPPROTO_MPTCP;
	if (info.is_mptcp)
		info.protocol = IPPROTO_TCP;
	info.listening = option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) > 0;
	info.here = is_here(fd);
	read_place(fd, &info);
	if (info.domain == AF_INET)
		info.transparent = option_of(fd, IPPROTO_IP, IP_TRANSPARENT) > 0;
	if (info.domain == AF_INET6) {
		info.transparent = option_of(fd, IPPROTO_IPV6, IPV6_TRANSPARENT) > 0;
		info.v6only = option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY) > 0;
	}
	if (info.protocol == IPPROTO_UDP)
		read_learning(fd, &info);
	*ret_info = info;
	return 0;
}

bool socket_is(const struct socket_info *info, __u64 cookie, __u32 inode)
{
	return info->cookie == cookie || (info->is_mptcp && info->inode == inode);
}

int socket_set_transparent(int fd, const struct socket_info *info, bool on)
{
	const int value = on;
	const bool v4 = info->domain == AF_INET;

	return setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
			  v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, &value, sizeof(value)) ?
		       -errno :
		       0;
}
