/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps.h"

#include <string.h>
#include <sys/socket.h>

static const __u8 families[] = { AF_INET, AF_INET6 };

static char family_digit(__u8 family)
{
	return family == AF_INET ? '4' : '6';
}

struct route_key steps_route_key(const struct session *session)
{
	const struct tproxy_config *config = &session->state.config;

	return (struct route_key){ config->mark, config->mask, config->table };
}

/* ---- state ---------------------------------------------------------------- */

static const char *load_hint(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		return "the kernel refused: lockdown, missing capabilities or the verifier; -vv "
		       "shows its log";
	case ENOMEM:
		return "not enough memory for the maps";
	case ENOSPC:
		return "no space on the bpffs";
	default:
		return "-vv shows libbpf's and the verifier's log";
	}
}

int steps_create_state(struct session *session, const struct tproxy_config *config)
{
	const char *dir = session->app->pin_dir;
	int err;

	log_step("load programs, pin maps in %s", dir);
	if (session->dry_run) {
		session->state.config = *config;
		return 0;
	}
	err = state_create(&session->state, dir, config);
	if (err)
		log_error("%s: cannot load or pin: %s (%s)", dir, strerror(-err), load_hint(err));
	return err;
}

static int replace_on_ifaces(struct session *session)
{
	struct state *state = &session->state;
	__cleanup_free struct live_iface *ifaces = NULL;
	char path[STATE_PATH_LEN];
	size_t n = 0;
	int err = live_ifaces(state, &ifaces, &n);

	for (size_t i = 0; i < n && !err; i++) {
		int ifindex = (int)ifaces[i].ifindex;
		enum hook hook;

		state_link_path(state, ifindex, path);
		hook = hook_present(ifindex, path);
		if (hook != HOOK_NONE)
			err = hook_attach(hook, ifindex, state->prog[PROG_INGRESS], path);
	}
	return err;
}

int steps_replace_build(struct session *session)
{
	struct state *state = &session->state;
	char path[STATE_PATH_LEN];
	int err;

	if (state->config.build == state_build())
		return 0;
	log_step("replace the programs of another build in place");
	if (session->dry_run)
		return 0;
	err = state_reload(state);
	if (!err)
		err = replace_on_ifaces(session);
	if (!err && hook_lookup_present(state_lookup_path(state, path)))
		err = hook_lookup_attach(state->prog[PROG_LOOKUP], path);
	if (!err)
		err = state_publish_progs(state);
	if (err)
		log_error("%s: cannot replace the programs: %s (%s)", state->dir, strerror(-err),
			  load_hint(err));
	return err;
}

int steps_remove_state(struct session *session)
{
	const char *dir = session->app->pin_dir;
	int err;

	log_step("unpin %s", dir);
	if (session->dry_run)
		return 0;
	err = state_remove(dir);
	if (err)
		log_error("%s: cannot remove all pins: %s (remove what is left by hand)", dir,
			  strerror(-err));
	return err;
}

int steps_refresh_local(struct session *session)
{
	int err;

	if (session->dry_run)
		return 0;
	err = live_refresh_local(&session->state, &session->nl);
	if (err)
		log_error("local addresses: cannot read them into the map: %s", strerror(-err));
	return err;
}

/* ---- routing -------------------------------------------------------------- */

/* A family the interface does not speak needs no rule: none of its packets get that far. */
static bool family_disabled(__u8 family, const char *ifname)
{
	__cleanup_file FILE *file = NULL;
	char path[128];

	if (family == AF_INET)
		return false;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", ifname);
	file = fopen(path, "re");
	return file && fgetc(file) == '1';
}

bool steps_family_wanted(__u8 family, const char *ifname)
{
	return route_family_present(family) && !family_disabled(family, ifname);
}

static const char *route_hint(int err)
{
	if (err == -ENETDOWN)
		return "ip link set lo up";
	if (err == -EPERM)
		return "run as root";
	return "-v shows more";
}

static int local_route_on(struct session *session, __u8 family, __u32 table)
{
	int present = session->dry_run ? 0 : route_local_present(&session->nl, family, table);
	int err = present < 0 ? present : 0;

	if (present > 0)
		return 0;
	if (!err) {
		log_step("ip -%c route add local default dev lo table %u proto %u",
			 family_digit(family), table, TPROXY_RT_PROTOCOL);
		if (!session->dry_run)
			err = route_local_add(&session->nl, family, table);
	}
	if (err)
		log_error("table %u: cannot add the local IPv%c route: %s (%s)", table,
			  family_digit(family), strerror(-err), route_hint(err));
	return err;
}

static int rule_on(struct session *session, __u8 family, const struct route_key *key,
		   const char *ifname)
{
	int present = session->dry_run ? 0 :
					 route_rule_present(&session->nl, family, key, ifname);
	int err = present < 0 ? present : 0;

	if (present > 0)
		return 0;
	if (!err) {
		log_step("ip -%c rule add pref %u iif %s fwmark 0x%x/0x%x lookup %u protocol %u",
			 family_digit(family), TPROXY_RULE_PREF, ifname, key->mark, key->mask,
			 key->table, TPROXY_RT_PROTOCOL);
		if (!session->dry_run)
			err = route_rule_add(&session->nl, family, key, ifname);
	}
	if (err)
		log_error("%s: cannot add the IPv%c rule: %s (%s)", ifname, family_digit(family),
			  strerror(-err), route_hint(err));
	return err;
}

/* Read back and proved: a mark that is not delivered here is a bypass. */
static int prove(struct session *session, __u8 family, const struct route_key *key,
		 const struct device *device)
{
	int err;

	if (session->dry_run)
		return 0;
	if (route_rule_present(&session->nl, family, key, device->name) != 1 ||
	    route_local_present(&session->nl, family, key->table) != 1) {
		log_error("%s: the IPv%c rule or route vanished after it was added (something "
			  "else manages rules: see ip monitor rule)",
			  device->name, family_digit(family));
		return -ESTALE;
	}
	err = route_prove(&session->nl, family, key, device->ifindex);
	if (err == -EAGAIN) {
		log_debug("%s: no IPv%c address to prove the route with", device->name,
			  family_digit(family));
		return 0;
	}
	if (err)
		log_error("%s: a marked IPv%c packet would not be delivered here: %s (a rule before "
			  "pref %u may decide first: see ip -%c rule)",
			  device->name, family_digit(family),
			  err == -EXDEV ? "the route look-up says so" : strerror(-err),
			  TPROXY_RULE_PREF, family_digit(family));
	return err;
}

int steps_route_on(struct session *session, const struct device *device)
{
	struct route_key key = steps_route_key(session);

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		__u8 family = families[i];
		int err;

		if (!steps_family_wanted(family, device->name)) {
			log_debug("%s: no IPv%c here", device->name, family_digit(family));
			continue;
		}
		err = local_route_on(session, family, key.table);
		if (!err)
			err = rule_on(session, family, &key, device->name);
		if (!err)
			err = prove(session, family, &key, device);
		if (err)
			return err;
	}
	return 0;
}

int steps_route_off(struct session *session, const char *ifname)
{
	struct route_key key = steps_route_key(session);
	int result = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		__u8 family = families[i];
		int err = 0, present = 0;

		if (route_family_present(family))
			present = route_rule_present(&session->nl, family, &key, ifname);
		if (!present)
			continue;
		/* One that cannot be read is deleted all the same: it must not stay behind unseen. */
		log_step("ip -%c rule del pref %u iif %s fwmark 0x%x/0x%x lookup %u protocol %u",
			 family_digit(family), TPROXY_RULE_PREF, ifname, key.mark, key.mask,
			 key.table, TPROXY_RT_PROTOCOL);
		err = session->dry_run ? 0 : route_rule_del(&session->nl, family, &key, ifname);
		if (err)
			log_error("%s: cannot remove the IPv%c rule: %s", ifname,
				  family_digit(family), strerror(-err));
		if (err && !result)
			result = err;
	}
	return result;
}

int steps_routes_off(struct session *session)
{
	__u32 table = session->state.config.table;
	int result = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		__u8 family = families[i];
		int err = 0, present = 0;

		if (route_family_present(family))
			present = route_local_present(&session->nl, family, table);
		if (!present)
			continue;
		log_step("ip -%c route del local default dev lo table %u proto %u",
			 family_digit(family), table, TPROXY_RT_PROTOCOL);
		err = session->dry_run ? 0 : route_local_del(&session->nl, family, table);
		if (err)
			log_error("table %u: cannot remove the local IPv%c route: %s", table,
				  family_digit(family), strerror(-err));
		if (err && !result)
			result = err;
	}
	return result;
}

/* ---- programs ------------------------------------------------------------- */

int steps_lookup_on(struct session *session)
{
	char path[STATE_PATH_LEN];
	int err;

	if (!session->dry_run && hook_lookup_present(state_lookup_path(&session->state, path)))
		return 0;
	log_step("sk_lookup: attach tproxy_lookup to the network namespace");
	if (session->dry_run)
		return 0;
	err = hook_lookup_attach(session->state.prog[PROG_LOOKUP], path);
	if (err)
		log_error("sk_lookup: cannot attach: %s (tproxy-loader features shows what this "
			  "kernel has)",
			  strerror(-err));
	return err;
}

int steps_lookup_off(struct session *session)
{
	char path[STATE_PATH_LEN];
	int err;

	if (!hook_lookup_present(state_lookup_path(&session->state, path)))
		return 0;
	log_step("sk_lookup: detach tproxy_lookup");
	err = session->dry_run ? 0 : hook_lookup_detach(path);
	if (err)
		log_error("sk_lookup: cannot detach: %s", strerror(-err));
	return err;
}

int steps_hook_on(struct session *session, const struct device *device, enum hook hook)
{
	char path[STATE_PATH_LEN];
	int err;

	log_step("%s: attach tproxy_ingress to %s", hook_names[hook], device->name);
	if (session->dry_run)
		return 0;
	state_link_path(&session->state, device->ifindex, path);
	err = hook_attach(hook, device->ifindex, session->state.prog[PROG_INGRESS], path);
	if (err)
		log_error("%s: cannot attach by %s: %s (try --hook %s)", device->name,
			  hook_names[hook], strerror(-err),
			  hook == HOOK_TCX ? hook_names[HOOK_CLSACT] : hook_names[HOOK_TCX]);
	return err;
}

int steps_hook_off(struct session *session, int ifindex, const char *name, enum hook hook)
{
	char path[STATE_PATH_LEN];
	int err;

	/* With HOOK_NONE there may still be the pin of a link whose device is gone. */
	if (hook != HOOK_NONE)
		log_step("%s: detach tproxy_ingress from %s", hook_names[hook], name);
	if (session->dry_run)
		return 0;
	err = hook_detach(hook, ifindex, state_link_path(&session->state, ifindex, path));
	if (err)
		log_error("%s: cannot detach: %s", name, strerror(-err));
	return err;
}

int steps_qdisc_off(struct session *session, int ifindex, const char *name)
{
	int err;

	if (!hook_qdisc_present(&session->nl, ifindex))
		return 0;
	log_step("clsact: remove the qdisc from %s if nobody else uses it", name);
	err = session->dry_run ? 0 : hook_qdisc_remove_if_empty(&session->nl, ifindex);
	if (err)
		log_error("%s: cannot remove the clsact qdisc: %s", name, strerror(-err));
	return err;
}
