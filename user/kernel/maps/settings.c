/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/settings.h"

#include <bpf/bpf.h>

#include "policy/scope.h"

struct settings settings_of(const struct policy *policy)
{
	return (struct settings){ .unreadable = (__u8)policy->unreadable,
				  .link_local = scope_names_link_local(policy),
				  .audit = policy_audits(policy) != 0 };
}

/* A value that was written by hand may be unknown: then it means what the data path does. */
struct settings settings_live(const struct state *state)
{
	const struct tproxy_config *config = &state->config;

	return (struct settings){ .unreadable = config->unreadable < TPROXY_UNREADABLE_MAX ?
							config->unreadable :
							TPROXY_UNREADABLE_DROP,
				  .link_local = config->link_local,
				  .audit = config->audit };
}

bool settings_equal(struct settings a, struct settings b)
{
	return a.unreadable == b.unreadable && a.link_local == b.link_local && a.audit == b.audit;
}

void settings_put(struct settings settings, struct tproxy_config *config)
{
	config->unreadable = settings.unreadable;
	config->link_local = settings.link_local;
	config->audit = settings.audit;
}

int settings_write(struct state *state, struct settings settings)
{
	struct tproxy_config config = state->config;
	__u32 zero = 0;

	settings_put(settings, &config);
	if (settings_equal(settings, settings_live(state)))
		return 0;
	if (bpf_map_update_elem(state->map[MAP_CONFIG], &zero, &config, BPF_ANY))
		return -errno;
	state->config = config;
	return 0;
}
