/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 addresses as IPv4-mapped IPv6 ones (RFC 4291, 2.5.5.2): one form for both families. */
#ifndef TPROXY_LIB_MAPPED_H
#define TPROXY_LIB_MAPPED_H

#include <linux/types.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define MAPPED_LEN 12 /* bytes before the IPv4 address */

static inline bool mapped_is(const __u8 addr[16])
{
	static const __u8 prefix[MAPPED_LEN] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(addr, prefix, sizeof(prefix));
}

/* addr: 4 or 16 bytes in network byte order. */
static inline void mapped_from(__u8 family, const void *addr, __u8 ret_mapped[16])
{
	if (family == AF_INET6) {
		memcpy(ret_mapped, addr, 16);
		return;
	}
	memset(ret_mapped, 0, 10);
	memset(ret_mapped + 10, 0xff, 2);
	memcpy(ret_mapped + MAPPED_LEN, addr, 4);
}

/* Returns the family of the address; ret_addr gets its 4 or 16 bytes, and zeros after them. */
static inline __u8 mapped_to(const __u8 mapped[16], __u8 ret_addr[16])
{
	memset(ret_addr, 0, 16);
	if (mapped_is(mapped)) {
		memcpy(ret_addr, mapped + MAPPED_LEN, 4);
		return AF_INET;
	}
	memcpy(ret_addr, mapped, 16);
	return AF_INET6;
}

#endif
