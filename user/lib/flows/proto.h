/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said on a socket /run/tproxy/….flows, where a running relay tells who is connected. One
 * request for each connection; the answer is any number of FLOWS_RECORDS and then one FLOWS_END
 * from each process that serves the flows, the retired relays included. The connection closes after
 * the last one. Both ends are on one host, so numbers have its byte order. Data only.
 *
 * FLOWS_ASK_STATUS asks the relay that serves about itself: one FLOWS_STATUS and its FLOWS_END. A
 * relay that does not know the question answers with EPROTO. A later one may send a longer status:
 * what is new comes last.
 */
#ifndef TPROXY_LIB_FLOWS_PROTO_H
#define TPROXY_LIB_FLOWS_PROTO_H

#include <stdint.h>

#include "lib/parse.h"

#define FLOWS_VERSION 1

enum flows_kind {
	FLOWS_LIST = 1, /* request: the flows that match */
	FLOWS_KILL,     /* request: end them */
	FLOWS_RECORDS,
	FLOWS_END,
	FLOWS_ASK_STATUS, /* request; its filter is not used */
	FLOWS_STATUS,
};

/* Every message begins with it. */
struct flows_head {
	uint16_t version; /* FLOWS_VERSION; another one: the rest is not understood */
	uint8_t kind;     /* enum flows_kind */
	uint8_t zero;
	uint32_t count; /* FLOWS_RECORDS: records that follow; else 0 */
};

/* Which flows; what is 0 does not limit them. */
struct flows_filter {
	uint64_t id;
	struct prefix client;      /* family 0: any */
	struct prefix destination; /* the original one, or the server of a pool */
	uint16_t destination_port; /* host byte order, as all ports here */
	uint8_t proto;             /* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t zero;
};

struct flows_request {
	struct flows_head head;
	struct flows_filter filter;
};

struct flows_address {
	uint8_t addr[16]; /* network byte order; IPv4 uses the first four */
	uint32_t scope;   /* IPv6: ifindex, if it is link-local */
	uint16_t port;
	uint8_t family; /* AF_INET, AF_INET6; 0: not known, or none */
	uint8_t zero;
};

enum flows_state { FLOWS_CONNECTING, FLOWS_OPEN, FLOWS_HALF_CLOSED, FLOWS_STATE_MAX };

#define FLOWS_RETIRED 1u /* by a relay that another one has replaced */
#define FLOWS_LOOP 2u    /* probably a flow of the relay itself that came back */

struct flows_record {
	uint64_t id; /* unique in one relay and those that it has replaced */
	uint64_t age_ms;
	uint64_t idle_ms;  /* since the last byte or datagram */
	uint64_t bytes_up; /* client to destination */
	uint64_t bytes_down;
	uint64_t datagrams_up; /* UDP only */
	uint64_t datagrams_down;
	struct flows_address client;
	struct flows_address dst;    /* original destination */
	struct flows_address server; /* of a pool's address; family 0: dst is no such address */
	struct flows_address source; /* of the relay, towards the destination */
	uint8_t proto;
	uint8_t state; /* enum flows_state */
	uint8_t flags;
	uint8_t zero[5];
};

_Static_assert(sizeof(struct flows_request) == 56, "the same in all builds");
_Static_assert(sizeof(struct flows_record) == 160, "the same in all builds");

#define FLOWS_PER_MESSAGE 128

struct flows_message {
	struct flows_head head;
	struct flows_record records[FLOWS_PER_MESSAGE];
};

/* How often something happened since the start, and when it last did. */
struct flows_event {
	uint64_t count;
	uint64_t ago_ms; /* of the latest one; 0 if there was none */
};

#define FLOWS_OWN_PORTS 1u /* flows leave with ports of this host, not only with their client's */
#define FLOWS_CLIENT_ADDRESS 2u /* flows leave with the address of their client */

#define FLOWS_UPSTREAMS 16

/* Text ends with a 0 byte, or is empty. */
struct flows_status {
	struct flows_head head;
	char version[32];
	uint64_t up_ms;
	uint32_t threads;
	uint32_t flags;
	uint64_t nofile;            /* descriptors that the process may have */
	uint32_t descriptors;       /* of these, for flows */
	uint32_t descriptors_left;  /* that any thread may still take */
	struct flows_event limited; /* flows refused or ended for lack of descriptors or memory */
	struct flows_event no_port; /* flows for which this host had no port */
	struct flows_event lost;    /* lines of the log */
	int32_t log_err;         /* positive errno of the latest write to the log; 0: it worked */
	uint32_t upstreams;      /* that are configured: proxies behind this one */
	uint32_t upstreams_down; /* of these, as far as the relay knows */
	uint32_t zero;
	uint64_t log_dev; /* of the open log file, as in struct stat; both 0: it is no file */
	uint64_t log_inode;
	char upstream_down[128]; /* one that is down, without its password */
	char log_path[1024];     /* empty: the log goes to standard output */
	struct flows_event loop; /* flows of the relay itself that came back as new ones */
	struct flows_address upstream[FLOWS_UPSTREAMS]; /* the first of them; then family 0 */
};

/* One process has sent all that it has. */
struct flows_end {
	struct flows_head head;
	int32_t err; /* positive errno: the request was refused, or not understood (EPROTO) */
	uint32_t passed_on; /* other processes that answer on this connection as well */
	uint64_t matched;   /* flows; of FLOWS_KILL: those that were ended */
};

_Static_assert(sizeof(struct flows_status) == 1704, "the same in all builds");

#endif
