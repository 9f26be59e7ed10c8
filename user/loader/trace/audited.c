/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/trace/audited.h"

#include <bpf/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include "tproxy.h"

static bool has_entry(int map, const struct tproxy_flow_key *key)
{
	struct tproxy_audited value;

	return !bpf_map_lookup_elem(map, key, &value);
}

bool trace_is_audited(const struct state *state, const struct trace_flow *flow)
{
	const int map = state->map[MAP_AUDITED];
	struct tproxy_flow_key up = { .proto = flow->proto,
				      .sport = flow->sport,
				      .dport = flow->dport };
	struct tproxy_flow_key down = { .proto = flow->proto,
					.sport = flow->dport,
					.dport = flow->sport };

	if (map < 0 || (flow->proto != IPPROTO_TCP && flow->proto != IPPROTO_UDP))
		return false;
	memcpy(up.src, flow->src, sizeof(up.src));
	memcpy(up.dst, flow->dst, sizeof(up.dst));
	memcpy(down.src, flow->dst, sizeof(down.src));
	memcpy(down.dst, flow->src, sizeof(down.dst));
	return has_entry(map, &up) || has_entry(map, &down);
}
