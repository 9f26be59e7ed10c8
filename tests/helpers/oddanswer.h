/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads packets that come back to the client's link: is one an answer to one of the starts? */
#ifndef ODDANSWER_H
#define ODDANSWER_H

#include "oddframes.h"

struct answer {
	bool v6;
	__u8 proto, flags;
	const __u8 *dst;
	__u16 sport, dport;
	__u32 seq, ack;
	const __u8 *data;
	size_t data_n;
};

/* RFC 791 3.1: a source route ends with the final destination. */
static inline const __u8 *final_address(const __u8 *ip, size_t header)
{
	for (size_t at = IP4_LEN; at + 1 < header && ip[at] && ip[at + 1];
	     at += ip[at] == 1 ? 1 : ip[at + 1])
		if ((ip[at] == 131 || ip[at] == 137) && ip[at + 1] >= 7 &&
		    at + ip[at + 1] <= header)
			return ip + at + ip[at + 1] - 4;
	return ip + 16;
}

static inline bool read_answer(const __u8 *frame, size_t n, struct answer *ret_answer)
{
	struct answer a = { .v6 = get16(frame + 12) == ETH_P_IPV6 };
	const __u8 *ip = frame + ETH_HLEN, *l4;
	size_t header, end;

	if (n < ETH_HLEN + IP4_LEN || (!a.v6 && get16(frame + 12) != ETH_P_IP) ||
	    (a.v6 && n < ETH_HLEN + IP6_LEN))
		return false;
	header = a.v6 ? IP6_LEN : (size_t)(ip[0] & 15) * 4;
	end = a.v6 ? IP6_LEN + get16(ip + 4) : get16(ip + 2);
	a.proto = ip[a.v6 ? 6 : 9];
	l4 = ip + header;
	if (end > n - ETH_HLEN || end < header + (a.proto == IPPROTO_TCP ? TCP_LEN : UDP_LEN))
		return false;
	a.dst = a.v6 ? ip + 24 : final_address(ip, header);
	a.sport = get16(l4);
	a.dport = get16(l4 + 2);
	if (a.proto == IPPROTO_TCP) {
		a.seq = (__u32)get16(l4 + 4) << 16 | get16(l4 + 6);
		a.ack = (__u32)get16(l4 + 8) << 16 | get16(l4 + 10);
		a.flags = l4[13];
		a.data = l4 + (l4[12] >> 4) * 4;
		a.data_n = a.data < ip + end ? (size_t)(ip + end - a.data) : 0;
	}
	*ret_answer = a;
	return true;
}

#endif
