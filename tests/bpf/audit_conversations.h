/* SPDX-License-Identifier: BSD-2-Clause */
/* What clients and servers of audited flows send, the key of the entry, and what it must say then. */
#ifndef AUDIT_CONVERSATIONS_H
#define AUDIT_CONVERSATIONS_H

#include "run.h"

#define CLIENT_ISN 0xfffffff0u /* the numbers wrap during the flow */
#define SERVER_ISN 1000u

enum sender { CLIENT, SERVER };

/* seq, ack: relative to the first byte of the sender and of the other side. */
struct step {
	enum sender sender;
	__u16 flags;
	__u32 seq, ack;
	__u16 payload;
};

struct conversation {
	const char *name;
	struct step steps[12]; /* until one without flags */
	__u64 up, down;
	enum tproxy_audit_end end;
	__u32 packets_up; /* 0: not checked */
};

#define OPEN                                                                                       \
	{ CLIENT, SYN, -1u, 0, 0 }, { SERVER, SYN | ACK, -1u, 0, 0 },                              \
	{                                                                                          \
		CLIENT, ACK, 0, 0, 0                                                               \
	}

/* clang-format off */
static const struct conversation conversations[] = {
	{ "data each way", { OPEN, { CLIENT, ACK, 0, 0, 100 }, { SERVER, ACK, 0, 100, 50 } },
	  100, 50, TPROXY_AUDIT_NONE, 3 },
	{ "a retransmission does not count",
	  { OPEN, { CLIENT, ACK, 0, 0, 100 }, { CLIENT, ACK, 0, 0, 100 }, { CLIENT, ACK, 50, 0, 100 } },
	  150, 0, TPROXY_AUDIT_NONE, 5 },
	{ "a segment that was lost before us counts",
	  { OPEN, { CLIENT, ACK, 100, 0, 100 }, { CLIENT, ACK, 0, 0, 100 } }, 200, 0, TPROXY_AUDIT_NONE, 4 },
	{ "a number far away does not count",
	  { OPEN, { CLIENT, ACK, 0x20000000, 0, 100 }, { CLIENT, ACK, 0, 0, 10 } },
	  10, 0, TPROXY_AUDIT_NONE, 4 },
	{ "a retransmitted SYN begins no other flow",
	  { OPEN, { CLIENT, SYN, -1u, 0, 0 }, { CLIENT, ACK, 0, 0, 7 } }, 7, 0, TPROXY_AUDIT_NONE, 4 },
	{ "the client closes first",
	  { OPEN, { CLIENT, ACK, 0, 0, 9 }, { CLIENT, FIN | ACK, 9, 0, 0 }, { SERVER, ACK, 0, 10, 5 },
	    { SERVER, FIN | ACK, 5, 10, 0 }, { CLIENT, ACK, 10, 6, 0 } },
	  9, 5, TPROXY_AUDIT_CLIENT_FIN, 5 },
	{ "the server closes first, with data in its FIN",
	  { OPEN, { SERVER, FIN | ACK, 0, 0, 20 }, { CLIENT, FIN | ACK, 0, 21, 3 },
	    { SERVER, ACK, 21, 4, 0 } },
	  3, 20, TPROXY_AUDIT_SERVER_FIN, 3 },
	{ "half closed is open",
	  { OPEN, { CLIENT, FIN | ACK, 0, 0, 0 }, { SERVER, ACK, 0, 1, 40 } },
	  0, 40, TPROXY_AUDIT_NONE, 3 },
	{ "a FIN that was not acknowledged is no end",
	  { OPEN, { CLIENT, FIN | ACK, 0, 0, 0 }, { SERVER, FIN | ACK, 0, 0, 0 } },
	  0, 0, TPROXY_AUDIT_NONE, 3 },
	{ "the client resets",
	  { OPEN, { CLIENT, ACK, 0, 0, 9 }, { CLIENT, RST, 9, 0, 0 } }, 9, 0, TPROXY_AUDIT_CLIENT_RST, 0 },
	{ "the server resets",
	  { OPEN, { CLIENT, ACK, 0, 0, 9 }, { SERVER, RST | ACK, 0, 9, 0 } },
	  9, 0, TPROXY_AUDIT_SERVER_RST, 0 },
	{ "the server refuses",
	  { { CLIENT, SYN, -1u, 0, 0 }, { SERVER, RST | ACK, 0, 0, 0 } }, 0, 0, TPROXY_AUDIT_SERVER_RST, 1 },
	{ "a refusal for another SYN",
	  { { CLIENT, SYN, -1u, 0, 0 }, { SERVER, RST | ACK, 0, 77, 0 } }, 0, 0, TPROXY_AUDIT_NONE, 1 },
	{ "a RST of what is acknowledged already",
	  { OPEN, { CLIENT, ACK, 0, 0, 9 }, { SERVER, ACK, 0, 9, 0 }, { CLIENT, RST, 5, 0, 0 },
	    { CLIENT, ACK, 9, 0, 4 } },
	  13, 0, TPROXY_AUDIT_NONE, 0 },
	{ "a RST of what was not sent yet",
	  { OPEN, { CLIENT, RST, 1000, 0, 0 }, { CLIENT, ACK, 0, 0, 4 } }, 4, 0, TPROXY_AUDIT_NONE, 0 },
	{ "a RST that the server ignored: the client sends more",
	  { OPEN, { CLIENT, ACK, 0, 0, 9 }, { CLIENT, RST, 5, 0, 0 }, { CLIENT, ACK, 9, 0, 4 } },
	  13, 0, TPROXY_AUDIT_NONE, 0 },
	{ "an acknowledgement after the end counts nothing",
	  { OPEN, { CLIENT, FIN | ACK, 0, 0, 0 }, { SERVER, FIN | ACK, 0, 1, 0 }, { CLIENT, ACK, 1, 1, 0 },
	    { CLIENT, ACK, 1, 1, 0 } },
	  0, 0, TPROXY_AUDIT_CLIENT_FIN, 4 },
	{ "a SYN that the server ignores ends and hides nothing",
	  { OPEN, { CLIENT, ACK, 0, 0, 100 }, { CLIENT, SYN, 0x40000000, 0, 0 },
	    { SERVER, ACK, 0, 100, 0 }, { CLIENT, ACK, 100, 0, 50 }, { SERVER, ACK, 0, 150, 7 } },
	  150, 7, TPROXY_AUDIT_NONE, 0 },
	{ "and not after a RST that it ignored, too",
	  { OPEN, { CLIENT, ACK, 0, 0, 100 }, { CLIENT, RST, 100, 0, 0 },
	    { CLIENT, SYN, 0x40000000, 0, 0 }, { SERVER, ACK, 0, 100, 0 },
	    { CLIENT, ACK, 100, 0, 50 }, { SERVER, ACK, 0, 150, 7 } },
	  150, 7, TPROXY_AUDIT_NONE, 0 },
	{ "a new flow after a crash of the server",
	  { OPEN, { CLIENT, ACK, 0, 0, 100 }, { CLIENT, SYN, 0x40000000, 0, 0 },
	    { SERVER, SYN | ACK, 0x5000, 0x40000001, 0 }, { CLIENT, ACK, 0x40000001, 0x5001, 8 },
	    { SERVER, ACK, 0x5001, 0x40000009, 6 } },
	  8, 6, TPROXY_AUDIT_NONE, 2 },
	{ "a new flow that is refused after a crash of the server",
	  { OPEN, { CLIENT, ACK, 0, 0, 100 }, { CLIENT, SYN, 0x40000000, 0, 0 },
	    { SERVER, RST | ACK, -1u - SERVER_ISN, 0x40000001, 0 } },
	  0, 0, TPROXY_AUDIT_SERVER_RST, 1 },
	{ "a FIN that the server ignored does not end a half-closed flow",
	  { OPEN, { CLIENT, FIN | ACK, 0, 0, 0 }, { SERVER, FIN | ACK, 0, 0, 0 },
	    { CLIENT, ACK, 0, 1, 1 }, { SERVER, ACK, 1, 1, 0 }, { CLIENT, ACK, 1, 1, 500 },
	    { SERVER, ACK, 1, 501, 0 } },
	  501, 0, TPROXY_AUDIT_NONE, 5 },
	{ "and one that the server takes ends it after that",
	  { OPEN, { CLIENT, FIN | ACK, 0, 0, 0 }, { SERVER, FIN | ACK, 0, 0, 0 },
	    { CLIENT, ACK, 0, 1, 500 }, { SERVER, ACK, 1, 500, 0 }, { CLIENT, FIN | ACK, 500, 1, 0 },
	    { SERVER, ACK, 1, 501, 0 } },
	  500, 0, TPROXY_AUDIT_SERVER_FIN, 5 },
	{ "the server answers for an older connection first",
	  { { CLIENT, SYN, -1u, 0, 0 }, { SERVER, ACK, 0x30000000, 0x20000, 0 },
	    { CLIENT, RST, 0x20000, 0, 0 }, { CLIENT, SYN, -1u, 0, 0 },
	    { SERVER, SYN | ACK, -1u, 0, 0 }, { CLIENT, ACK, 0, 0, 5 }, { SERVER, ACK, 0, 5, 70 } },
	  5, 70, TPROXY_AUDIT_NONE, 0 },
	{ "the server answers the SYN with another number each time",
	  { { CLIENT, SYN, -1u, 0, 0 }, { SERVER, SYN | ACK, 0x30000000, 0, 0 },
	    { CLIENT, SYN, -1u, 0, 0 }, { SERVER, SYN | ACK, -1u, 0, 0 }, { CLIENT, ACK, 0, 0, 5 },
	    { SERVER, ACK, 0, 5, 70 }, { SERVER, SYN | ACK, -1u, 0, 0 }, { SERVER, ACK, 70, 5, 1 } },
	  5, 71, TPROXY_AUDIT_NONE, 0 },
	{ "data that the server does not take is not there when it closes",
	  { OPEN, { CLIENT, ACK, 1000000, 0, 100 }, { CLIENT, ACK, 0, 0, 9 }, { SERVER, ACK, 0, 9, 0 },
	    { CLIENT, FIN | ACK, 9, 0, 0 }, { SERVER, FIN | ACK, 0, 10, 0 }, { CLIENT, ACK, 10, 1, 0 } },
	  9, 0, TPROXY_AUDIT_CLIENT_FIN, 0 },
	{ "nobody counts for 512 MB each way",
	  { OPEN, { CLIENT, ACK, 0x20000000, 0x20000000, 9 }, { SERVER, ACK, 0x20000000, 0x20000009, 8 },
	    { CLIENT, ACK, 0x20000009, 0x20000008, 7 }, { SERVER, ACK, 0x20000008, 0x20000010, 8 } },
	  0x20000010, 0x20000010, TPROXY_AUDIT_NONE, 0 },
	{ "keepalives and window probes do not count",
	  { OPEN, { CLIENT, ACK, 0, 0, 9 }, { CLIENT, ACK, 8, 0, 0 }, { CLIENT, ACK, 8, 0, 1 },
	    { SERVER, ACK, -1u, 9, 1 }, { SERVER, ACK, 0, 9, 4 } },
	  9, 4, TPROXY_AUDIT_NONE, 0 },
	{ "both close at the same time",
	  { OPEN, { CLIENT, FIN | ACK, 0, 0, 3 }, { SERVER, FIN | ACK, 0, 0, 4 },
	    { CLIENT, ACK, 4, 5, 0 }, { SERVER, ACK, 5, 4, 0 } },
	  3, 4, TPROXY_AUDIT_CLIENT_FIN, 0 },
	{ "SYN with data", { { CLIENT, SYN, -1u, 0, 30 }, { SERVER, SYN | ACK, -1u, 30, 0 } },
	  30, 0, TPROXY_AUDIT_NONE, 1 },
};
/* clang-format on */

struct ends {
	const char *client, *server;
	__u16 port; /* of the client */
	__u32 isn;  /* of the client */
};

static inline void put32(__u8 *at, __u32 value)
{
	value = htonl(value);
	memcpy(at, &value, sizeof(value));
}

static inline void key_of(const struct ends *e, __u8 proto, __u16 dport,
			  struct tproxy_flow_key *ret_key)
{
	struct prefix src = prefix_of(e->client), dst = prefix_of(e->server);

	*ret_key = (struct tproxy_flow_key){ .proto = proto,
					     .sport = htons(e->port),
					     .dport = htons(dport),
					     .src = { [10] = 0xff, [11] = 0xff },
					     .dst = { [10] = 0xff, [11] = 0xff } };
	if (src.family == AF_INET) {
		memcpy(ret_key->src + 12, src.addr, 4);
		memcpy(ret_key->dst + 12, dst.addr, 4);
	} else {
		memcpy(ret_key->src, src.addr, 16);
		memcpy(ret_key->dst, dst.addr, 16);
	}
}

#endif
