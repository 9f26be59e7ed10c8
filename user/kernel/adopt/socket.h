/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A socket of another process, by a copy of its descriptor: what it is, and whether it accepts
 * flows to foreign addresses. Changes nothing but that.
 */
#ifndef TPROXY_KERNEL_ADOPT_SOCKET_H
#define TPROXY_KERNEL_ADOPT_SOCKET_H

#include <linux/types.h>
#include <stdbool.h>

struct socket_info {
	__u64 cookie;
	__u32 inode;    /* as /proc/PID/fd shows it */
	int domain;     /* AF_INET… */
	int type;       /* SOCK_STREAM… */
	int protocol;   /* IPPROTO_TCP…; see is_mptcp */
	bool is_mptcp;  /* protocol is IPPROTO_TCP then: so its listener takes flows */
	__u32 uid;      /* who created it */
	bool here;      /* of this network namespace */
	bool listening; /* TCP */
	bool connected;
	bool v6only;
	bool transparent;
	bool learns_dst;  /* UDP: IP_RECVORIGDSTADDR or IPV6_RECVORIGDSTADDR */
	bool learns_addr; /* UDP: IP_PKTINFO or IPV6_RECVPKTINFO */
	__u16 port;       /* host byte order; 0: none */
	__u8 addr[16];    /* where it is bound, IPv4 as ::ffff:a.b.c.d; zero: any */
};

/*
 * Is it the socket that the kernel lists with this cookie and inode? A listener of MPTCP has one of
 * TCP inside, which rules find: the kernel lists it with the inode of the outer one.
 */
bool socket_is(const struct socket_info *info, __u64 cookie, __u32 inode);
/* 0 or -errno. What does not concern the kind of socket stays zero. */
int socket_examine(int fd, struct socket_info *ret_info);
/* Sets or clears IP_TRANSPARENT or IPV6_TRANSPARENT. 0 or -errno. */
int socket_set_transparent(int fd, const struct socket_info *info, bool on);

#endif
