/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The routing of own traffic: for each family the rule for our mark, the local route of its table,
 * and that of the tokens. A family without an address to send from is left out until it has one.
 */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/routing/own_route.h"
#include "loader/steps/own/own_parts.h"
#include "loader/steps/routing/routing.h"
#include "loader/steps/routing/steps_route.h"

static void show(const char *verb, const struct own_route *route, const __u8 *source)
{
	char dst[INET6_ADDRSTRLEN + 8] = "default", src[INET6_ADDRSTRLEN + 8] = "";
	char table[24] = "local";
	size_t len;

	if (route->len) {
		inet_ntop(route->family, route->dst, dst, INET6_ADDRSTRLEN);
		len = strlen(dst);
		snprintf(dst + len, sizeof(dst) - len, "/%u", route->len);
	}
	if (source) {
		snprintf(src, sizeof(src), " src ");
		inet_ntop(route->family, source, src + 5, INET6_ADDRSTRLEN);
	}
	if (route->table != RT_TABLE_LOCAL)
		snprintf(table, sizeof(table), "%u", route->table);
	log_step("ip -%c route %s local %s dev lo%s table %s proto %d",
		 route_family_digit(route->family), verb, dst, src, table, TPROXY_RT_PROTOCOL);
}

/* ---- on ----------------------------------------------------------------- */

static int fail(const struct own_route *route, const char *verb, int err)
{
	log_error("own traffic: cannot %s the local IPv%c route: %s (%s)", verb,
		  route_family_digit(route->family), strerror(-err), steps_route_hint(err));
	return err;
}

static int route_on(struct own_run *run, const struct own_route *route,
		    const struct own_source *source)
{
	struct session *session = run->session;
	struct own_source present = { .found = false };
	bool there = false;
	int err = own_route_find(&session->nl, route, &there, &present);

	if (err)
		return fail(route, "find", err);
	if (there && present.found && !memcmp(present.addr, source->addr, sizeof(present.addr)) &&
	    !session->dry_run)
		return 0;
	show(there ? "replace" : "add", route, source->addr);
	run->changed |= there ? OWN_PART_SOURCE : OWN_PART_ROUTES;
	err = session->dry_run ? 0 : own_route_set(&session->nl, route, source->addr);
	return err ? fail(route, "set", err) : 0;
}

/*
 * A rule that is in its place is left alone, and so is each one while another program moves its
 * own.
 */
static int rule_on(struct own_run *run, __u8 family, const struct device *lo)
{
	struct session *session = run->session;
	struct routing routing __cleanup_routing = { 0 };
	int err = session->dry_run ? 0 : routing_read(session, family, lo, &routing);

	if (!err && !session->dry_run && routing.rule &&
	    (session->hold_rules || !routing_is_misplaced(&routing)))
		return 0;
	run->changed |= OWN_PART_RULES;
	return err ? err : steps_rule_on(session, family, lo);
}

static int prove(struct session *session, __u8 family, const struct tproxy_own *config)
{
	int err = session->dry_run ? 0 : own_route_prove(&session->nl, family, config->mark);
	const char digit = route_family_digit(family);

	if (err)
		log_error("own traffic: a marked IPv%c packet would not be delivered here: %s (see "
			  "ip -%c rule, and ip -%c route show table %u)",
			  digit, err == -EXDEV ? "the route look-up says so" : strerror(-err),
			  digit, digit, config->table);
	return err;
}

static int family_on(struct own_run *run, __u8 family, const struct device *lo,
		     const struct own_source *source)
{
	const struct tproxy_own *config = &run->own.config;
	const struct own_route marked = own_route_marked(family, config);
	const struct own_route tokens = own_route_tokens(family, config);
	const unsigned int before = run->changed;
	int err = route_on(run, &marked, source);

	if (!err)
		err = route_on(run, &tokens, source);
	if (!err)
		err = rule_on(run, family, lo);
	return err || run->changed == before ? err : prove(run->session, family, config);
}

static int route_off(struct session *session, const struct own_route *route)
{
	struct own_source source;
	bool there = false;
	int err = own_route_find(&session->nl, route, &there, &source);

	if (!err && there)
		show("del", route, NULL);
	if (!err && there && !session->dry_run)
		err = own_route_del(&session->nl, route);
	return err ? fail(route, "remove", err) : 0;
}

/* The kernel keeps them with a source that is no address of this host any more. */
static int family_out(struct own_run *run, __u8 family)
{
	const struct own_route marked = own_route_marked(family, &run->own.config);
	const struct own_route tokens = own_route_tokens(family, &run->own.config);
	int err;

	if (!run->want->quiet)
		log_info("own traffic: no IPv%c address to send from: IPv%c is left out until "
			 "there is one (tproxy-loader watch adds it)",
			 route_family_digit(family), route_family_digit(family));
	err = route_off(run->session, &marked);
	return err ? err : route_off(run->session, &tokens);
}

static int write_outputs(struct own_run *run, const struct own_source *sources)
{
	struct tproxy_own *config = &run->own.config;
	int err;

	if (run->session->dry_run ||
	    (config->out4 == sources[0].out && config->out6 == sources[1].out))
		return 0;
	config->out4 = sources[0].out;
	config->out6 = sources[1].out;
	err = own_write(&run->own);
	if (err)
		log_error("own traffic: cannot write its configuration: %s", strerror(-err));
	return err;
}

int own_routing_on(struct own_run *run)
{
	struct own_source sources[ROUTE_FAMILIES] = { { .found = false } };
	struct device lo = { 0 };
	int err = device_by_index(&run->session->nl, OWN_IFINDEX, &lo);

	for (size_t i = 0; i < ROUTE_FAMILIES && !err; i++) {
		__u8 family = route_families[i];

		if (!steps_family_wanted(family, lo.name))
			continue;
		err = own_source_find(&run->session->nl, family, &sources[i]);
		if (!err && sources[i].found)
			err = family_on(run, family, &lo, &sources[i]);
		else if (!err)
			err = family_out(run, family);
	}
	return err ? err : write_outputs(run, sources);
}

/* ---- off ---------------------------------------------------------------- */

static int rules_off(struct session *session, __u8 family, const struct route_key *key)
{
	struct rule_list list __cleanup_rules = { 0 };
	int result = rules_read(&session->nl, family, &list);

	if (result)
		log_error("routing rules: cannot read them: %s (try again)", strerror(-result));
	for (size_t i = 0; i < list.n; i++)
		if (route_rule_is_ours(&list.items[i], key) && !strcmp(list.items[i].iif, "lo"))
			result = first_error(result, steps_rule_off(session, &list.items[i]));
	return result;
}

int own_routing_off(struct session *session, const struct tproxy_own *config)
{
	const struct route_key key = { config->mark, config->mark, config->table };
	int result = 0;

	for (size_t i = 0; i < ROUTE_FAMILIES; i++) {
		const struct own_route marked = own_route_marked(route_families[i], config);
		const struct own_route tokens = own_route_tokens(route_families[i], config);

		if (!route_family_present(route_families[i]))
			continue;
		result = first_error(result, rules_off(session, route_families[i], &key));
		result = first_error(result, route_off(session, &marked));
		result = first_error(result, route_off(session, &tokens));
	}
	return result;
}

static struct own_route token_route_of(const struct session *session, __u8 family)
{
	struct own own __cleanup_own = OWN_CLOSED;

	own_salvage(&session->state, &own);
	return own_route_tokens(family, &own.config);
}

bool own_tokens_are_there(struct session *session)
{
	struct own_source source;
	bool there = false;

	for (size_t i = 0; i < ROUTE_FAMILIES && !there; i++) {
		const struct own_route route = token_route_of(session, route_families[i]);

		if (route_family_present(route_families[i]) &&
		    own_route_find(&session->nl, &route, &there, &source))
			return false;
	}
	return there;
}

int own_tokens_off(struct session *session)
{
	int result = 0;

	for (size_t i = 0; i < ROUTE_FAMILIES; i++) {
		const struct own_route route = token_route_of(session, route_families[i]);

		if (route_family_present(route_families[i]))
			result = first_error(result, route_off(session, &route));
	}
	return result;
}
