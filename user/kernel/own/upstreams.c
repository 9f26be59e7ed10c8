/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/own/upstreams.h"

#include <bpf/bpf.h>
#include <string.h>

#include "lib/flows/relays.h"
#include "lib/flows/status.h"
#include "lib/mapped.h"
#include "lib/util.h"

#define SILENCE_S 1 /* the main thread of a relay answers at once */

static bool is_loopback(__u8 family, const __u8 *addr)
{
	static const __u8 loopback6[16] = { [15] = 1 };

	return family == AF_INET ? addr[0] == 127 : !memcmp(addr, loopback6, sizeof(loopback6));
}

static bool is_here(const struct state *state, const struct flows_address *a)
{
	struct tproxy_local_key key;
	__u8 value[8];

	mapped_from(a->family, a->addr, key.addr);
	return is_loopback(a->family, a->addr) ||
	       !bpf_map_lookup_elem(state->map[MAP_LOCAL], &key, value);
}

static void add(const struct state *state, const struct flows_status *status,
		struct own_upstreams *upstreams)
{
	for (size_t i = 0; i < FLOWS_UPSTREAMS; i++) {
		const struct flows_address *a = &status->upstream[i];
		struct endpoint *to = &upstreams->items[upstreams->n];

		if (!a->family || upstreams->n == OWN_UPSTREAMS || !is_here(state, a))
			continue;
		*to = (struct endpoint){ .family = a->family, .port = a->port };
		memcpy(to->addr, a->addr, sizeof(to->addr));
		upstreams->n++;
	}
}

void own_upstreams_read(const struct state *state, struct own_upstreams *ret_upstreams)
{
	__cleanup_free struct flows_relay *relays = NULL;
	struct flows_told told;
	size_t n = 0;

	ret_upstreams->n = 0;
	if (flows_relays(&relays, &n))
		return;
	for (size_t i = 0; i < n; i++)
		if (!flows_ask_status(relays[i].name, SILENCE_S, &told))
			add(state, &told.status, ret_upstreams);
}
