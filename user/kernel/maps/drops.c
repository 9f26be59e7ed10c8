/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/drops.h"

#define BIT(counter) (1ULL << TPROXY_COUNT_##counter)

static const struct {
	const char *name, *meaning;
} counters[TPROXY_COUNT_MAX] = {
#define X(symbol, name, meaning) [TPROXY_COUNT_##symbol] = { name, meaning },
	TPROXY_COUNTERS(X)
#undef X
};

static const __u64 always = BIT(FRAG_DROP) | BIT(RULE_DROP) | BIT(RULE_RESET) | BIT(DOWN_DROP) |
			    BIT(DOWN_RESET) | BIT(POOL_DOWN) | BIT(LATE) | BIT(OWN_WIRE);
static const __u64 unreadable = BIT(SOURCE_ROUTE) | BIT(MALFORMED) | BIT(HIDDEN) |
				BIT(HIDDEN_CHAIN) | BIT(ROUTING_HEADER) | BIT(FRAG_OVERLAP) |
				BIT(VLAN_TAGS);

__u64 drops_counters(const struct tproxy_config *config)
{
	return config->unreadable == TPROXY_UNREADABLE_DROP ? always | unreadable : always;
}

const char *drops_name(enum tproxy_counter counter)
{
	return counters[counter].name;
}

const char *drops_meaning(enum tproxy_counter counter)
{
	return counters[counter].meaning;
}
