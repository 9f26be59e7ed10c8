/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clean: leftovers that no other command would meet. Rules and routes carry our
 * protocol number, filters our priority and handle, so what belongs to nobody
 * can be told from what an attached interface needs.
 */
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "loader/iface.h"

struct rules {
	struct route_rule *items; /* owned */
	size_t n, room;
};

/* Needed ones too: telling them apart takes queries, which must wait for the end of the dump. */
static int collect_rule(const struct route_rule *rule, void *arg)
{
	struct rules *rules = arg;

	if (rule->protocol != TPROXY_RT_PROTOCOL || rule->pref != TPROXY_RULE_PREF)
		return 0;
	if (array_room((void **)&rules->items, rules->n, &rules->room, sizeof(*rules->items)))
		return -ENOMEM;
	rules->items[rules->n++] = *rule;
	return 0;
}

static int clean_rule(struct session *session, const struct route_rule *rule, bool route_too)
{
	struct route_key key = { rule->mark, rule->mask, rule->table };
	int err;

	log_step("ip -%c rule del pref %u iif %s lookup %u protocol %u",
		 rule->family == AF_INET ? '4' : '6', rule->pref, rule->iif, rule->table,
		 TPROXY_RT_PROTOCOL);
	err = route_rule_del(&session->nl, rule->family, &key, rule->iif);
	return err || !route_too ? err : route_local_del(&session->nl, rule->family, key.table);
}

static int clean_family(struct session *session, __u8 family, const struct live_iface *ifaces,
			size_t n)
{
	struct rules rules = { 0 };
	int err = route_rules(&session->nl, family, collect_rule, &rules);

	for (size_t i = 0; i < rules.n && !err; i++)
		if (!steps_rule_needed(session, family, rules.items[i].iif, ifaces, n))
			err = clean_rule(session, &rules.items[i], !n);
	free(rules.items);
	return err;
}

static int clean_rules(struct session *session, const struct live_iface *ifaces, size_t n)
{
	static const __u8 families[] = { AF_INET, AF_INET6 };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && !err; i++)
		if (route_family_present(families[i]))
			err = clean_family(session, families[i], ifaces, n);
	if (err)
		log_error("routing rules: cannot clean: %s", strerror(-err));
	return err;
}

static bool is_attached(const struct live_iface *ifaces, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp((const char *)ifaces[i].value.name, name))
			return true;
	return false;
}

/* Filters with our priority and handle on interfaces that no state knows. */
static int clean_filters(const struct live_iface *ifaces, size_t n_ifaces)
{
	struct if_nameindex *all = if_nameindex();
	int result = 0;

	for (struct if_nameindex *i = all; i && i->if_index; i++) {
		int err;

		if (is_attached(ifaces, n_ifaces, i->if_name) ||
		    hook_present((int)i->if_index, "") != HOOK_CLSACT)
			continue;
		log_step("clsact: detach tproxy_ingress from %s", i->if_name);
		err = hook_detach(HOOK_CLSACT, (int)i->if_index, "");
		if (err)
			log_error("%s: cannot detach: %s", i->if_name, strerror(-err));
		if (!result)
			result = err;
	}
	if_freenameindex(all);
	return result;
}

/* Entries of devices that are gone. */
static int clean_ifaces(struct session *session, struct live_iface *ifaces, size_t *n)
{
	size_t kept = 0;
	int result = 0;

	for (size_t i = 0; i < *n; i++) {
		struct device device;
		int err;

		if (!device_by_index(&session->nl, (int)ifaces[i].ifindex, &device)) {
			ifaces[kept++] = ifaces[i];
			continue;
		}
		log_step("forget %s, which is gone", ifaces[i].value.name);
		err = iface_off(session, &ifaces[i]);
		if (!result)
			result = err;
	}
	*n = kept;
	return result;
}

/* What of a broken state still names interfaces is used to detach them. */
static void detach_salvaged(struct app *app)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	__cleanup_free struct live_iface *ifaces = NULL;
	size_t n = 0;

	session.app = app;
	if (nl_open(&session.nl) || !state_salvage(&session.state, app->pin_dir) ||
	    live_ifaces(&session.state, &ifaces, &n))
		return;
	for (size_t i = 0; i < n; i++)
		iface_off(&session, &ifaces[i]);
	steps_lookup_off(&session);
	steps_routes_off(&session);
}

/* A directory that cannot be opened as a state is of no use to anybody. */
static int clean_broken(struct app *app)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	char what[PINDIR_WHY_LEN];
	int err = session_lock(&session, app);

	if (err)
		return err;
	if (state_open(&session.state, app->pin_dir, what) != -EMEDIUMTYPE)
		return 0; /* whole, absent, or something the next step reports */
	detach_salvaged(app);
	log_step("unpin %s, which is broken: %s", app->pin_dir, what);
	err = statedir_remove(&session.state.pins, what);
	if (err)
		log_error("%s: cannot remove it: %s", app->pin_dir, what);
	return err;
}

static int clean(struct session *session, bool present)
{
	__cleanup_free struct live_iface *ifaces = NULL;
	size_t n = 0;
	int err, result = 0;

	if (present) {
		result = live_ifaces(&session->state, &ifaces, &n);
		err = result ? 0 : clean_ifaces(session, ifaces, &n);
		result = result ? result : err;
	}
	err = clean_rules(session, ifaces, n);
	result = result ? result : err;
	err = clean_filters(ifaces, n);
	result = result ? result : err;
	if (!present || n || result)
		return result;
	return iface_everything_off(session);
}

int cmd_clean(struct app *app, int argc, char **argv)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	bool present;
	int code;

	if (app_no_operand(app, argc, argv, NULL))
		return EXIT_USAGE;
	if (!app_enter(app))
		return EXIT_FAILED;
	if (clean_broken(app))
		return EXIT_FAILED;
	code = session_open_any(&session, app, &present);
	if (code)
		return code;
	return clean(&session, present) ? EXIT_FAILED : EXIT_DONE;
}
