/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sockets of this network namespace that take new flows: TCP listeners and unconnected UDP
 * sockets, as the kernel lists them (NETLINK_SOCK_DIAG). Knows nothing of rules.
 */
#ifndef TPROXY_LIB_LISTENERS_H
#define TPROXY_LIB_LISTENERS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/holder.h"

struct listener {
	__u64 cookie;  /* as the socket map shows it */
	__u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	__u8 family;   /* AF_INET, AF_INET6 */
	bool v6only;
	bool transparent; /* IP_TRANSPARENT: accepts flows to foreign addresses */
	__u16 port;       /* host byte order */
	__u8 addr[16];    /* where it is bound, IPv4 as ::ffff:a.b.c.d; zero: any */
	int device;       /* ifindex it is bound to; 0: any */
	bool shut;        /* shut down for reading: it takes no flow any more */
	__u32 waiting;    /* TCP: connections not accepted yet; UDP: bytes not read yet */
	__u32 backlog;    /* TCP: how many may wait */
	__u32 uid;        /* of its owner */
	__u32 inode;      /* of the socket, as /proc/PID/fd shows it */
};

struct listeners {
	struct listener *items; /* owned; sorted by cookie */
	size_t n, room;
	bool tcp, udp; /* the kernel could list them */
};

/* 0 or -errno; a protocol that the kernel cannot list (no tcp_diag, udp_diag) is no error. */
int listeners_read(struct listeners *ret_listeners);
void listeners_free(struct listeners *listeners);
#define __cleanup_listeners __attribute__((cleanup(listeners_free)))

/* Could those of this protocol be listed? */
bool listeners_known(const struct listeners *listeners, __u8 protocol);
/* NULL: there is none. */
const struct listener *listeners_by_cookie(const struct listeners *listeners, __u64 cookie);

/* May it take flows that enter by this device? vrf: the one that has the device, or 0. */
bool listener_takes_device(const struct listener *listener, int ifindex, int vrf);

/* Where the data path looks for the listener of a rule that names a port. */
struct listener_place {
	__u8 protocol, family; /* of the flow */
	__u8 addr[16];         /* of the proxy, IPv4 as ::ffff:a.b.c.d */
	__u16 port;            /* host byte order */
	int ifindex, vrf;      /* where the flow enters; both 0: by any device */
};
/* The listener that a socket look-up finds: at the address itself, else at any. NULL: none. */
const struct listener *listeners_at(const struct listeners *listeners,
				    const struct listener_place *place);

/* The process that owns it. False if none is found: it is gone, or its descriptors are hidden. */
bool listener_holder(const struct listener *listener, struct holder *ret_holder);

#endif
