/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random rule sets of the supported kind: a flow has the same outcome by a plain walk of one packet
 * through the chains as by the imported rules. IMPORT_SETS=N for more sets.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <stdlib.h>

#include "lib/util.h"
#include "policy/import/import.h"
#include "random_chains.h"

#define FLOWS 150 /* of each set */
/* ---- one packet through the chains -------------------------------------- */

enum { GO_ON = -3, RETURNED = -2, PASSED = -1, DROPPED = 0 }; /* else the port of a proxy */

static bool in_network(int address, int network)
{
	struct prefix a, n;
	const char *why;

	assert_int_equal(parse_prefix(addresses[address], &a, &why), 0);
	assert_int_equal(parse_prefix(networks[network], &n, &why), 0);
	return prefix_covers(&n, &a);
}

static bool has_port(const struct a_flow *f, int list)
{
	static const unsigned int first[] = { 80, 80, 79, 443 }, last[] = { 80, 443, 81, 65535 };

	return f->port >= first[list] && f->port <= last[list];
}

static bool in_cgroup(const struct a_flow *f, int cgroup)
{
	return f->cgroup == cgroup || (cgroup == 0 && f->cgroup == 1);
}

static bool by_interface(const struct a_flow *f, int in)
{
	return !f->own && (in == f->in || (in == 3 && f->in < 2));
}

#define HOLDS(cond, is) ((cond).value < 0 || (is) != (cond).invert)

static bool matches(const struct a_rule *r, const struct a_flow *f)
{
	return (!r->proto || r->proto == f->proto) && HOLDS(r->in, by_interface(f, r->in.value)) &&
	       HOLDS(r->from, in_network(f->from, r->from.value)) &&
	       HOLDS(r->to, in_network(f->to, r->to.value)) &&
	       HOLDS(r->port, has_port(f, r->port.value)) &&
	       HOLDS(r->uid, f->uid == ids[r->uid.value]) &&
	       HOLDS(r->gid, f->gid == ids[r->gid.value]) &&
	       HOLDS(r->cgroup, in_cgroup(f, r->cgroup.value)) &&
	       HOLDS(r->state, r->state.value != 1) &&
	       HOLDS(r->mark, f->mark == (unsigned int)r->mark.value) &&
	       HOLDS(r->connmark, f->connmark == (unsigned int)r->connmark.value);
}

static int run_chain(const struct a_set *set, int chain, struct a_flow *f);

static int run_target(const struct a_set *set, int chain, const struct a_rule *r, struct a_flow *f)
{
	int verdict;

	switch (r->target) {
	case ACCEPT:
		return PASSED;
	case RETURN:
		return RETURNED;
	case DROP:
		return DROPPED;
	case TAKE:
		return (int)(PROXY + r->number);
	case MARK:
		f->mark = (f->mark & ~r->mask) ^ r->value;
		return GO_ON;
	case CONNMARK:
		f->connmark = (f->connmark & ~r->mask) ^ r->value;
		return GO_ON;
	case SAVE:
		f->connmark = f->mark;
		return GO_ON;
	case RESTORE:
		f->mark = f->connmark;
		return GO_ON;
	case JUMP:
		verdict = run_chain(set, r->chain, f);
		return verdict == RETURNED ? GO_ON : verdict;
	case GOTO:
		return run_chain(set, r->chain, f);
	default:
		return GO_ON;
	}
}

static int run_chain(const struct a_set *set, int chain, struct a_flow *f)
{
	int verdict = GO_ON;

	for (int i = 0; i < set->n[chain] && verdict == GO_ON; i++)
		if (matches(&set->rules[chain][i], f))
			verdict = run_target(set, chain, &set->rules[chain][i], f);
	return verdict == GO_ON ? RETURNED : verdict;
}

static int enter(const struct a_set *set, struct a_flow *f)
{
	int verdict = run_chain(set, PREROUTING, f);

	if (verdict == RETURNED)
		return set->drops ? DROPPED : PASSED;
	return verdict;
}

static int by_chains(const struct a_set *set, struct a_flow f)
{
	int verdict;

	if (!f.own)
		return enter(set, &f);
	verdict = run_chain(set, OUTPUT, &f);
	if (verdict < DROPPED)
		verdict = run_chain(set, NAT, &f);
	if (verdict >= DROPPED)
		return verdict;
	return f.mark & 1 && set->has_takes ? enter(set, &f) : PASSED;
}

/* ---- by our rules ------------------------------------------------------- */

static bool owned(const struct rule *rule, const struct a_flow *f)
{
	const struct owner_set *paths = &rule->owners[TPROXY_OWNER_CGROUP];
	struct owner_item uid = { f->uid, f->uid, NULL, true },
			  gid = { f->gid, f->gid, NULL, true };
	bool in = owner_set_is_any(paths);

	for (size_t i = 0; i < paths->n; i++)
		for (int c = 0; c < 3; c++)
			in |= !strcmp(paths->items[i].name + 1, cgroups[c]) && in_cgroup(f, c);
	return in && owner_set_has(&rule->owners[TPROXY_OWNER_UID], &uid) &&
	       owner_set_has(&rule->owners[TPROXY_OWNER_GID], &gid);
}

static bool has_prefix(const struct prefix_set *set, int address)
{
	struct prefix a;
	const char *why;

	assert_int_equal(parse_prefix(addresses[address], &a, &why), 0);
	for (size_t i = 0; i < set->n; i++)
		if (prefix_covers(&set->items[i], &a))
			return true;
	return false;
}

static bool rule_takes(const struct rule *rule, const struct a_flow *f)
{
	bool service = false;

	for (size_t i = 0; i < rule->services.n; i++)
		service |= service_covers(&rule->services.items[i], (__u8)f->proto, (__u16)f->port);
	if (!service || !has_prefix(&rule->from, f->from) || !has_prefix(&rule->to, f->to))
		return false;
	if (f->own)
		return rule_is_local(rule) && owned(rule, f);
	return rule->local != TPROXY_LOCAL_ONLY && rule_is_on(rule, interfaces[f->in]);
}

static int by_rules(const struct policy *policy, const struct a_flow *f)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &policy->rules[i];

		if (!rule->used || !rule_takes(rule, f))
			continue;
		if (rule->action == TPROXY_ACTION_PROXY)
			return rule->proxy.port;
		return rule->action == TPROXY_ACTION_DROP ? DROPPED : PASSED;
	}
	return PASSED;
}

/* ---- both --------------------------------------------------------------- */

static void left_out(unsigned int line, const char *text, const char *why, bool needless, void *arg)
{
}

static void note(const char *text, bool hint, void *arg)
{
	if (strstr(text, "it takes") || strstr(text, "too many"))
		*(bool *)arg = true;
}

static struct a_flow make_flow(void)
{
	return (struct a_flow){ .own = pick(2),
				.in = (int)pick(3),
				.proto = pick(2) ? 6 : 17,
				.from = (int)pick(ARRAY_SIZE(addresses)),
				.to = (int)pick(ARRAY_SIZE(addresses)),
				.cgroup = (int)pick(3),
				.port = ports[pick(ARRAY_SIZE(ports))],
				.uid = ids[pick(ARRAY_SIZE(ids))],
				.gid = ids[pick(ARRAY_SIZE(ids))] };
}

static unsigned int proxied[2]; /* flows that enter, and own ones */

/* Returns whether the set fits into 64 rules. */
static bool compare(unsigned int number)
{
	struct config config __cleanup_config = { 0 };
	bool too_long = false;
	struct import import = { .left_out = left_out, .note = note, .arg = &too_long };
	struct a_set set;
	__cleanup_free char *text = NULL;
	__cleanup_file FILE *in = NULL;

	seed = number;
	make_set(&set);
	text = print_set(&set);
	in = fmemopen(text, strlen(text), "r");
	assert_non_null(in);
	assert_int_equal(import_iptables(&import, in, &config), 0);
	for (int i = 0; i < FLOWS && !too_long; i++) {
		struct a_flow f = make_flow();
		int wanted = by_chains(&set, f), got = by_rules(&config.policy, &f);

		proxied[f.own] += wanted > DROPPED;
		if (wanted == got)
			continue;
		config_print(&config, stderr);
		fail_msg("set %u: own %d in %d proto %d from %s to %s port %u uid %u gid %u cgroup "
			 "%s: %d by the chains, %d by the rules\n%s",
			 number, f.own, f.in, f.proto, addresses[f.from], addresses[f.to], f.port,
			 f.uid, f.gid, cgroups[f.cgroup], wanted, got, text);
	}
	return !too_long;
}

static void test_same(void **unused)
{
	const char *wanted = getenv("IMPORT_SETS");
	unsigned int sets = wanted ? (unsigned int)atoi(wanted) : 3000, fit = 0;

	for (unsigned int i = 0; i < sets; i++)
		fit += compare(i);
	print_message("%u of %u sets fit into the rules; of %u flows, %u that enter and %u own "
		      "ones are proxied\n",
		      fit, sets, fit * FLOWS, proxied[0], proxied[1]);
	assert_true(proxied[0] > fit * FLOWS / 20 && proxied[1] > fit * FLOWS / 20);
	assert_true(fit > sets / 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_same) };

	return cmocka_run_group_tests_name("import: the same", tests, NULL, NULL);
}
