/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/clean.h"

#include <net/if.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/hook/clsact.h"
#include "kernel/state/state_list.h"
#include "loader/steps/iface.h"
#include "loader/steps/own/own.h"
#include "loader/steps/routing/steps_route.h"

struct cleaning {
	struct session *session;
	struct state_list states;
	struct iface_entry *ifaces; /* of this state, attached to devices that are there; owned */
	size_t n;
	size_t doubts; /* left in place because the owner is unknown */
	int result;    /* the first -errno of a device */
	/* Set: nothing is removed, and each thing that would be is reported here. */
	void (*found)(const char *what, void *arg);
	void *arg;
};

/* True if it was only reported: nothing must be removed. */
static bool __printf(2, 3) only_found(const struct cleaning *c, const char *fmt, ...)
{
	char what[160];
	va_list args;

	if (!c->found)
		return false;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	c->found(what, c->arg);
	return true;
}

/* ---- rules -------------------------------------------------------------- */

/* True unless another state uses the table. Our own needs it only while it has interfaces. */
static bool route_is_free(const struct cleaning *c, __u32 table)
{
	const struct tproxy_config *own = &c->session->state.config;

	return !state_list_has_table(&c->states, table) || (own->abi && own->table == table);
}

/* Of this state, for own traffic. */
static bool is_for_own(const struct cleaning *c, const struct route_rule *rule)
{
	struct tproxy_own config;

	return !own_read_config(&c->session->state, &config) && rule->mark == config.mark &&
	       rule->mask == config.mark && rule->table == config.table;
}

static bool is_own_rule(const struct cleaning *c, const struct route_rule *rule)
{
	const struct route_key key = steps_route_key(c->session);

	return c->session->state.config.abi && route_rule_is_ours(rule, &key);
}

/* Of a state that is pinned elsewhere, nothing shows its mark for own traffic. */
static bool may_be_elsewhere(const struct cleaning *c, const struct route_rule *rule)
{
	if (strcmp(rule->iif, "lo"))
		return false;
	for (size_t i = 0; i < c->states.n; i++)
		if (!*c->states.items[i].dir)
			return true;
	return false;
}

/* Ours stay while an interface needs them, others while their state is in use. */
static bool rule_stays(struct cleaning *c, const struct route_rule *rule)
{
	const struct listed_state *owner;
	char text[STATE_PATH_LEN + 32];

	if (is_for_own(c, rule))
		return true;
	if (is_own_rule(c, rule))
		return steps_rule_needed(c->session, rule->family, rule->iif, c->ifaces, c->n);
	owner = state_list_by_key(&c->states, rule->mark, rule->mask, rule->table);
	if (owner)
		log_debug("rule %u iif %s: of %s", rule->pref, rule->iif,
			  listed_state_text(owner, text, sizeof(text)));
	if (owner || !(c->states.blind || may_be_elsewhere(c, rule)))
		return owner != NULL;
	c->doubts++;
	if (c->found)
		return true;
	log_warn("rule %u iif %s: the owner is unknown: %s (ip -%c rule del pref %u iif %s "
		 "lookup %u removes it)",
		 rule->pref, rule->iif,
		 c->states.blind ? strerror(-c->states.blind) : "a state is pinned elsewhere",
		 route_family_digit(rule->family), rule->pref, rule->iif, rule->table);
	return true;
}

static int clean_rule(struct cleaning *c, const struct route_rule *rule)
{
	struct session *session = c->session;
	bool route_too = !c->n && route_is_free(c, rule->table);
	char text[RULE_TEXT_LEN];
	int err;

	if (only_found(c, "IPv%c rule \"%s\"", route_family_digit(rule->family),
		       rule_text(rule, text)))
		return 0;
	err = steps_rule_off(session, rule);
	if (err || !route_too)
		return err;
	err = route_local_del(&session->nl, rule->family, rule->table);
	if (err)
		log_error("table %u: cannot remove its local route: %s (try again)", rule->table,
			  strerror(-err));
	return err;
}

static int clean_family(struct cleaning *c, __u8 family)
{
	struct rule_list list __cleanup_rules = { 0 };
	int err = rules_read(&c->session->nl, family, &list);

	if (err)
		log_error("routing rules: cannot read them: %s (try again)", strerror(-err));
	for (size_t i = 0; i < list.n && !err; i++)
		if (rule_is_tproxys(&list.items[i]) && !rule_stays(c, &list.items[i]))
			err = clean_rule(c, &list.items[i]);
	return err;
}

static int clean_rules(struct cleaning *c)
{
	int err = 0;

	for (size_t i = 0; i < ROUTE_FAMILIES && !err; i++)
		if (route_family_present(route_families[i]))
			err = clean_family(c, route_families[i]);
	return err;
}

/* The routes of tokens are the same for all states: they stay while one may have own traffic. */
static int clean_tokens(struct cleaning *c)
{
	if (own_is_there(c->session))
		return 0;
	for (size_t i = 0; i < c->states.n; i++)
		if (c->states.items[i].own_mark || !*c->states.items[i].dir)
			return 0;
	if (c->states.blind || !own_tokens_are_there(c->session) ||
	    only_found(c, "routes of own traffic"))
		return 0;
	return own_tokens_off(c->session);
}

/* ---- filters ------------------------------------------------------------ */

static bool is_attached(const struct cleaning *c, int ifindex)
{
	for (size_t i = 0; i < c->n; i++)
		if ((int)c->ifaces[i].ifindex == ifindex)
			return true;
	return false;
}

static enum state_prog prog_on(enum hook_side side)
{
	return side == HOOK_EGRESS ? PROG_EGRESS : PROG_INGRESS;
}

static void doubt(struct cleaning *c, const char *ifname, enum hook_side side,
		  const struct clsact_filter *filter, int err)
{
	c->doubts++;
	if (c->found)
		return;
	log_warn("%s: the owner of the filter %s, priority %u, is unknown: %s (tc filter del dev "
		 "%s %s prio %u handle %#x bpf removes it)",
		 ifname, filter->name, filter->priority, strerror(-err), ifname,
		 side == HOOK_EGRESS ? "egress" : "ingress", filter->priority, filter->handle);
}

/* clsact only: a tcx program disappears with the pin of its link. */
static bool has_name(const struct clsact_filter *filter, enum hook_side side)
{
	return !strcmp(filter->name, state_prog_name(prog_on(side))) ||
	       (side == HOOK_INGRESS && !strcmp(filter->name, own_prog_name(OWN_PROG_LO)));
}

static bool is_left_over(struct cleaning *c, const char *ifname, enum hook_side side,
			 const struct clsact_filter *filter)
{
	struct program program;
	int err;

	if (!filter->prog_id || !has_name(filter, side))
		return false;
	err = program_by_id(filter->prog_id, &program);
	if (!err && state_list_owner(&c->states, &program))
		return false;
	if (!err && !c->states.blind)
		return true;
	doubt(c, ifname, side, filter, err ? err : c->states.blind);
	return false;
}

static int clean_filter(const struct cleaning *c, const struct device *device, enum hook_side side,
			const struct clsact_filter *filter)
{
	const char *ifname = device->name;
	int err;

	if (only_found(c, "a filter %s on %s", filter->name, ifname))
		return 0;
	log_step("clsact: detach %s, priority %u, from %s", filter->name, filter->priority, ifname);
	err = clsact_detach(device->ifindex, side, filter->priority, filter->handle);
	if (err)
		log_error("%s: cannot detach: %s", ifname, strerror(-err));
	return err;
}

/* Our own filter, on an interface that is not in the map of interfaces. */
static int clean_own(struct cleaning *c, const char *ifname, int ifindex)
{
	enum hook hook = steps_hook_present(c->session, ifindex);

	if (hook != HOOK_CLSACT || is_attached(c, ifindex) ||
	    only_found(c, "our program on %s, which is not attached", ifname))
		return 0;
	return steps_hook_off(c->session, ifindex, ifname, hook);
}

static int clean_side(struct cleaning *c, const struct device *device, enum hook_side side)
{
	struct clsact_list list __cleanup_clsact = { 0 };
	int err = clsact_filters_side(&c->session->nl, device->ifindex, side, &list);

	for (size_t i = 0; i < list.n && !err; i++) {
		if (!is_left_over(c, device->name, side, &list.items[i]))
			continue;
		err = clean_filter(c, device, side, &list.items[i]);
	}
	return err;
}

static int clean_device(const struct device *device, void *arg)
{
	struct cleaning *c = arg;
	int err = clean_own(c, device->name, device->ifindex);

	if (!err)
		err = clean_side(c, device, HOOK_INGRESS);
	if (!err)
		err = clean_side(c, device, HOOK_EGRESS);
	c->result = first_error(c->result, err);
	return 0; /* continue with the next device */
}

/* ---- interfaces --------------------------------------------------------- */

/* Entries of devices that are gone, or in another namespace. */
static int clean_ifaces(struct cleaning *c)
{
	size_t kept = 0;
	int result = 0;

	for (size_t i = 0; i < c->n; i++) {
		struct device device;

		/* Only to look: the device may come back, so that its rules are no leftovers. */
		if (c->found || iface_is_there(c->session, &c->ifaces[i], &device)) {
			c->ifaces[kept++] = c->ifaces[i];
			continue;
		}
		log_step("forget %s, which is gone", c->ifaces[i].value.name);
		result = first_error(result, iface_off(c->session, &c->ifaces[i]));
	}
	c->n = kept;
	return result;
}

/* What an interrupted command left of own traffic: without its entry nothing of it has a rule. */
static int clean_half_own(struct cleaning *c)
{
	if (is_attached(c, OWN_IFINDEX) || !own_is_there(c->session) ||
	    only_found(c, "parts of own traffic, which is not attached"))
		return 0;
	return iface_own_off(c->session);
}

/* ---- the whole ---------------------------------------------------------- */

static int clean_all(struct cleaning *c, bool present)
{
	struct session *session = c->session;
	int result = 0;

	if (present) {
		result = policy_maps_ifaces(&session->state, &c->ifaces, &c->n);
		if (!result)
			result = clean_ifaces(c);
		if (!result)
			result = clean_half_own(c);
	}
	result = first_error(result, clean_rules(c));
	result = first_error(result, clean_tokens(c));
	result = first_error(result, session_walk_devices(session, clean_device, c));
	result = first_error(result, c->result);
	if (!present || c->n || result || c->found)
		return result;
	return iface_everything_off(session);
}

static int run(struct cleaning *c, bool present)
{
	int err = state_list_read(c->session->app->pin_dir, &c->states);

	if (err && !c->found)
		log_error("other states: cannot look for them: %s", strerror(-err));
	if (!err)
		err = clean_all(c, present);
	state_list_free(&c->states);
	free(c->ifaces);
	return err;
}

int clean_leftovers(struct session *session, bool present, size_t *ret_doubts)
{
	struct cleaning c = { .session = session };
	int err = run(&c, present);

	*ret_doubts = c.doubts;
	return err;
}

int clean_look(struct session *session, bool present, void (*found)(const char *what, void *arg),
	       void *arg)
{
	struct cleaning c = { .session = session, .found = found, .arg = arg };

	return run(&c, present);
}

/* ---- a broken state ----------------------------------------------------- */

/* Detaches the interfaces that a broken state still names. */
static void detach_salvaged(struct app *app)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	bool whole;

	session.app = app;
	if (nl_open(&session.nl))
		return;
	whole = state_salvage(&session.state, app->pin_dir);
	if (own_is_there(&session))
		iface_own_off(&session);
	if (!whole || policy_maps_ifaces(&session.state, &ifaces, &n))
		return;
	for (size_t i = 0; i < n; i++)
		if (!(ifaces[i].value.roles & TPROXY_ROLE_LOCAL))
			iface_off(&session, &ifaces[i]);
	steps_lookup_off(&session);
	steps_routes_off(&session);
}

/* Removes a pin directory that cannot be opened as a state. */
int clean_broken(struct app *app)
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
	err = pindir_remove(&session.state.pins, what);
	if (err)
		log_error("%s: cannot remove it: %s", app->pin_dir, what);
	return err;
}
