/* SPDX-License-Identifier: BSD-2-Clause */
/* The Internet checksum, RFC 1071: words are added, and folded at the end. Pure. */
#ifndef TPROXY_LIB_INETSUM_H
#define TPROXY_LIB_INETSUM_H

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>

/* Sum of 16-bit words in network byte order; data of odd length is padded with zero. */
static inline uint64_t inetsum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len > 1; len -= 2, p += 2)
		sum += (uint64_t)p[0] << 8 | p[1];
	return len ? sum + ((uint64_t)p[0] << 8) : sum;
}

/* The value for a header, in network byte order. */
static inline uint16_t inetsum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

#endif
