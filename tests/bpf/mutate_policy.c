/* SPDX-License-Identifier: BSD-2-Clause */
/* Random rules: mostly few, mostly overlapping. */
#include "mutate_policy.h"
#include "lib/util.h"

#define PICK(r, table) ((table)[rng_below(r, ARRAY_SIZE(table))])

static void must(int err)
{
	if (err)
		tap_bail("policy: %s", strerror(-err));
}

static struct prefix random_prefix(struct rng *r)
{
	static const __u8 lengths4[] = { 0, 1, 8, 14, 16, 23, 24, 25, 31, 32, 32 };
	static const __u8 lengths6[] = { 0, 1, 7, 16, 31, 32, 48, 63, 64, 65, 127, 128, 128 };
	bool v6 = rng_one_in(r, 2);
	struct prefix p = { .family = v6 ? AF_INET6 : AF_INET };

	inet_pton(p.family, mutate_address(r, v6), p.addr);
	p.len = v6 ? PICK(r, lengths6) : PICK(r, lengths4);
	for (int bit = p.len; bit < 128; bit++)
		p.addr[bit / 8] &= (__u8) ~(0x80 >> bit % 8);
	return p;
}

static void random_prefixes(struct rng *r, struct prefix_set *set, __u32 all_one_in)
{
	if (rng_one_in(r, all_one_in)) {
		must(prefix_set_add_all(set));
		return;
	}
	do {
		struct prefix p = random_prefix(r);

		must(prefix_set_add(set, &p));
	} while (!rng_one_in(r, 4));
}

static void random_services(struct rng *r, struct service_set *set)
{
	do {
		struct port_range range = { 0, 0 };

		if (!rng_one_in(r, 4)) {
			__u16 port = mutate_port(r);

			range.first = port ? port : 1;
			range.last = range.first;
			if (range.last < 65000)
				range.last = (__u16)(range.last + rng_below(r, 4));
		}
		must(service_set_add(set, rng_one_in(r, 2) ? IPPROTO_TCP : IPPROTO_UDP, range));
	} while (!rng_one_in(r, 3));
}

static void random_proxy(struct rng *r, struct rule *rule, __u32 *group)
{
	static const struct {
		const char *address;
		__u16 port;
	} proxies[] = {
		{ NULL, PORT_BOTH },          { NULL, PORT_NOBODY },
		{ NULL, PORT_ANY },           { "10.98.0.2", PORT_TCP4 },
		{ "fd98::2", PORT_UDP6 },     { "10.98.0.1", PORT_DIALLED },
		{ "10.98.0.1", PORT_COOKIE },
	};
	size_t i = rng_below(r, ARRAY_SIZE(proxies));

	*group = rng_one_in(r, 2) ? GROUP_RELAY : rng_below(r, GROUP_MAX);
	if (rng_one_in(r, 2))
		return;
	rule->proxy.port = proxies[i].port;
	if (!proxies[i].address)
		return;
	rule->proxy.family = strchr(proxies[i].address, ':') ? AF_INET6 : AF_INET;
	inet_pton(rule->proxy.family, proxies[i].address, rule->proxy.addr);
}

static void random_rule(struct rng *r, struct rule *rule, __u32 *group)
{
	static const enum tproxy_action actions[] = { TPROXY_ACTION_PROXY, TPROXY_ACTION_PROXY,
						      TPROXY_ACTION_PROXY, TPROXY_ACTION_PASS,
						      TPROXY_ACTION_DROP,  TPROXY_ACTION_RESET,
						      TPROXY_ACTION_AUDIT };

	if (rule->used)
		return;
	rule->used = true;
	rule->action = PICK(r, actions);
	rule->on_down = rng_below(r, TPROXY_ON_DOWN_MAX);
	rule->unrouted = rng_one_in(r, 4) ? TPROXY_UNROUTED_PROXY : TPROXY_UNROUTED_PASS;
	random_prefixes(r, &rule->to, 3);
	random_prefixes(r, &rule->from, 2);
	random_services(r, &rule->services);
	random_proxy(r, rule, group);
}

void mutate_policy(struct rng *r, struct mutate_policy *ret_policy)
{
	__u32 n = rng_one_in(r, 16) ? TPROXY_MAX_RULES : rng_below(r, 12);

	memset(ret_policy, 0, sizeof(*ret_policy));
	for (__u32 i = 0; i < n; i++) {
		__u32 at = rng_below(r, TPROXY_MAX_RULES);
		struct rule *rule = &ret_policy->policy.rules[at];

		random_rule(r, rule, &ret_policy->group[at]);
		snprintf(rule->name, sizeof(rule->name), "r%u", at);
	}
}

void mutate_policy_free(struct mutate_policy *p)
{
	policy_free(&p->policy);
}

static void print_prefixes(const char *what, const struct prefix_set *set)
{
	char text[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < set->n; i++)
		printf("%s%s", i ? "," : what, prefix_format(&set->items[i], text));
}

void mutate_policy_print(const struct mutate_policy *p)
{
	char text[PROXY_TEXT_LEN];

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &p->policy.rules[i];

		if (!rule->used)
			continue;
		printf("# rule %d: %s, on-down %s, proxy %s, group %u,", i,
		       policy_action_names[rule->action], policy_on_down_names[rule->on_down],
		       proxy_format(&rule->proxy, text), p->group[i]);
		for (size_t k = 0; k < rule->services.n; k++)
			printf(" %s", service_format(&rule->services.items[k], text));
		print_prefixes(" to ", &rule->to);
		print_prefixes(" from ", &rule->from);
		printf("\n");
	}
}
