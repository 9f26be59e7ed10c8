/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/trace/names.h"

#include <bpf/bpf.h>
#include <string.h>

#include "kernel/maps/policy_slots.h"
#include "kernel/probe/dropsite.h"
#include "lib/listeners.h"
#include "lib/plain.h"

/* ---- what changes ------------------------------------------------------- */

void names_refresh(struct names *names)
{
	size_t kept = 0;

	memset(names->interfaces, 0, sizeof(names->interfaces));
	names->stale = true;
	for (size_t i = 0; i < names->n_listeners; i++)
		if (names->listeners[i].known)
			names->listeners[kept++] = names->listeners[i];
	names->n_listeners = kept < NAMES_LISTENERS ? kept : 0;
}

/* ---- interfaces --------------------------------------------------------- */

const char *names_interface(struct names *names, __u32 ifindex)
{
	const size_t at = ifindex % NAMES_INTERFACES;
	char *name = names->interfaces[at].name;
	char raw[IF_NAMESIZE] = "";

	if (!ifindex)
		return "";
	if (names->interfaces[at].ifindex == ifindex)
		return name;
	names->interfaces[at].ifindex = ifindex;
	if (!if_indextoname(ifindex, raw))
		snprintf(raw, sizeof(raw), "%u", ifindex);
	plain_text(raw, sizeof(raw), name, sizeof(names->interfaces[at].name));
	return name;
}

/* ---- rules -------------------------------------------------------------- */

static void read_rules(struct names *names)
{
	names->stale = false;
	if (policy_slots_follow(names->state))
		return;
	names->generation = names->state->config.generation;
	for (__u32 i = 0; i < TPROXY_MAX_RULES; i++) {
		struct tproxy_rule rule = { 0 };

		bpf_map_lookup_elem(names->state->map[MAP_RULES], &i, &rule);
		plain_text(rule.name, sizeof(rule.name), names->rules[i], sizeof(names->rules[i]));
	}
}

/* A policy that was replaced since has other names: an old number then stays without one. */
const char *names_rule(struct names *names, __u32 generation, __u32 rule)
{
	if (rule >= TPROXY_MAX_RULES)
		return "";
	if (names->stale || (__s32)(generation - names->generation) > 0)
		read_rules(names);
	return generation == names->generation ? names->rules[rule] : "";
}

/* ---- drops -------------------------------------------------------------- */

const char *names_reason(struct names *names, __u32 reason)
{
	char raw[NAMES_SITE_LEN];

	if (reason >= ARRAY_SIZE(names->reasons))
		return "";
	if (!names->reasons[reason].known) {
		dropsite_reason(reason, raw, sizeof(raw));
		plain_text(raw, sizeof(raw), names->reasons[reason].name, sizeof(raw));
		names->reasons[reason].known = true;
	}
	return names->reasons[reason].name;
}

/* The compiler adds suffixes to names: .isra.0, .constprop.0, .cold. */
static void cut_suffix(char *name)
{
	char *dot = strchr(name, '.');

	if (dot)
		*dot = '\0';
}

const char *names_function(struct names *names, __u64 address)
{
	char raw[NAMES_SITE_LEN];
	size_t at;

	for (at = 0; at < names->n_functions; at++)
		if (names->functions[at].address == address)
			return names->functions[at].name;
	if (at == NAMES_SITES)
		at = names->n_functions = 0; /* reading the symbols of the kernel takes long */
	names->n_functions++;
	dropsite_function(address, raw, sizeof(raw));
	cut_suffix(raw);
	plain_text(raw, sizeof(raw), names->functions[at].name, sizeof(raw));
	names->functions[at].address = address;
	return names->functions[at].name;
}

/* ---- listeners ---------------------------------------------------------- */

static struct listener_name find_listener(__u64 cookie)
{
	struct listeners all __cleanup_listeners = { 0 };
	struct listener_name name = { .cookie = cookie };
	const struct listener *found = NULL;

	if (!listeners_read(&all))
		found = listeners_by_cookie(&all, cookie);
	if (!found)
		return name;
	name.known = true;
	name.port = found->port;
	name.transparent = found->transparent;
	return name;
}

const struct listener_name *names_listener(struct names *names, __u64 cookie)
{
	size_t at;

	for (at = 0; at < names->n_listeners; at++)
		if (names->listeners[at].cookie == cookie)
			return &names->listeners[at];
	if (at == NAMES_LISTENERS)
		at = names->n_listeners = 0;
	names->n_listeners++;
	names->listeners[at] = find_listener(cookie);
	return &names->listeners[at];
}
