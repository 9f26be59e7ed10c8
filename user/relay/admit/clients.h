/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clients, for TCP and UDP and for all threads: counts the flows of each and of all, and how
 * fast they come. Threads write here together once when a flow begins and once when it ends, never
 * for its bytes. Must not know the flows: lanes.h has those of one thread.
 *
 * The counts are in a segment of memory that the relay which takes over adopts (segment.h): flows
 * that end here and flows that begin there have the same limits.
 *
 * A client is an IPv4 address or an IPv6 prefix, by default a /64: one host gets that much and
 * can choose any addresses of that prefix (RFC 4291, RFC 8981).
 */
#ifndef TPROXY_RELAY_ADMIT_CLIENTS_H
#define TPROXY_RELAY_ADMIT_CLIENTS_H

#include "relay/admit/bandwidth.h"
#include "relay/config/limit_values.h"
#include "relay/net/addr.h"

struct clients;
struct client;
struct segment;

/* most: clients that have flows at a time; more are counted, but not for other processes. */
struct clients *clients_new(unsigned long most);
void clients_free(struct clients *c);

/* Before the first flow: max-flows-per-source, if the configuration does not say. */
void clients_set_default(struct clients *c, uint32_t max_flows_per_source);

/* Flows of all clients. */
uint32_t clients_flows(const struct clients *c);

/* ---- counts of other processes; any thread ------------------------------ */

/* Our own segment, to pass on; -1: the kernel had none. */
int clients_segment(const struct clients *c);

/*
 * Takes over the descriptor of another relay's segment, and counts its flows, too, until
 * clients_forget: when that process has ended. 0, or -errno as adopted_add has it.
 */
int clients_adopt(struct clients *c, int fd, struct segment **ret_segment);
void clients_forget(struct clients *c, struct segment *segment);

/* ---- one client --------------------------------------------------------- */

/* The client that has this address: the address of its prefix, with port 0. */
union saddr client_address(const union saddr *addr, uint8_t prefix6);

/*
 * Finds or makes one; client_put returns it. It is kept while its flows came fast. address: of
 * client_address; now_ms: CLOCK_MONOTONIC. NULL: no memory, or too many clients in a second.
 */
struct client *client_get(struct clients *c, const union saddr *address, uint64_t now_ms);
void client_put(struct clients *c, struct client *client);

/*
 * Counts one flow more. NULL, or the name of the limit that is reached: "max-flows",
 * "flow-rate" …; client_leave takes it back.
 */
const char *client_join(struct clients *c, struct client *client, const struct limit_values *v,
			uint64_t now_ms);
void client_leave(struct clients *c, struct client *client);

/*
 * Bytes that its flows may move now, SIZE_MAX: any number; and that they have moved. now_ms:
 * CLOCK_MONOTONIC.
 */
struct bandwidth_flow {
	const struct limit_values *limits;
	enum bandwidth_way way;
	enum bandwidth_use use;
	uint64_t now_ms;
};

size_t client_room(const struct clients *c, const struct client *client,
		   const struct bandwidth_flow *flow);
void client_spend(struct clients *c, struct client *client, const struct bandwidth_flow *flow,
		  size_t bytes);

/* How many of its flows are of TCP: 1 or -1 more. */
void client_count_tcp(struct client *client, int more);

/*
 * It has all TCP connections that clients_set_default allows, with those of adopted segments; or
 * more UDP flows than twice that. Each protocol has its own number, so that UDP flows, which do not
 * say when they are over, keep no connection out.
 */
bool client_is_over_default_tcp(struct clients *c, struct client *client);
bool client_is_over_default_udp(const struct clients *c, const struct client *client);

#endif
