/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/edit/saved.h"

#include "kernel/maps/policy_maps.h"
#include "kernel/maps/pools.h"
#include "kernel/own/own.h"
#include "kernel/own/paths.h"
#include "lib/log.h"
#include "loader/edit/changes.h"

/* Adds the attached interfaces that the applied file does not cover; lo has own traffic. */
static int add_interfaces(const struct state *state, struct config *config)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err = policy_maps_ifaces(state, &ifaces, &n);

	config->local = config->has_local = false;
	for (size_t i = 0; i < n && !err; i++) {
		const char *name = (const char *)ifaces[i].value.name;
		__u32 roles = ifaces[i].value.roles;

		config->local |= (roles & TPROXY_ROLE_LOCAL) != 0;
		if (!policy_ifname_is_valid(name)) {
			log_warn("%s: a file cannot name this interface: left out", name);
			continue;
		}
		if ((roles & TPROXY_ROLE_POLICY) && !name_set_matches(&config->interfaces, name))
			err = name_set_add(&config->interfaces, name);
		if (!err && (roles & TPROXY_ROLE_DIVERT) &&
		    !name_set_matches(&config->divert, name))
			err = name_set_add(&config->divert, name);
	}
	return err;
}

/* As it is attached; the defaults are left out. */
static int add_own(const struct state *state, struct config *config)
{
	struct tproxy_own own;

	config->own_mark = config->own_table = config->own_proxy_mark = 0;
	config->own_bound = CONFIG_OWN_DIRECT;
	owner_set_free(&config->own_exclude);
	if (!config->local || own_read_config(state, &own))
		return 0;
	config->own_proxy_mark = own.relay_mark;
	if (own.mark != TPROXY_OWN_DEFAULT_MARK)
		config->own_mark = own.mark;
	if (own.table != state->config.table + 1)
		config->own_table = own.table;
	if (own.flags & TPROXY_OWN_DENY_BOUND)
		config->own_bound = CONFIG_OWN_DENY;
	return own_paths_get(state, &config->own_exclude);
}

int saved_config(const struct state *state, struct config *config)
{
	struct pool_table pools __cleanup_pools = { 0 };
	int err = changes_applied(state, config);

	if (err && err != -ENOENT)
		return err;
	policy_free(&config->policy);
	config->mark = state->config.mark == TPROXY_DEFAULT_MARK ? 0 : state->config.mark;
	config->table = state->config.table == TPROXY_DEFAULT_TABLE ? 0 : state->config.table;
	err = policy_maps_read(state, &config->policy);
	if (!err)
		err = pools_read(state, &pools);
	if (!err)
		err = pools_to_config(&pools, config);
	if (!err)
		err = add_interfaces(state, config);
	return err ? err : add_own(state, config);
}
