/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/show/show.h"

#include <netinet/in.h>
#include <string.h>

#include "kernel/maps/health.h"
#include "loader/app/app.h"

struct json_object *show_json_root(void)
{
	struct json_object *root = json_object_new_object();

	json_object_object_add(root, "schema", json_object_new_int(1));
	return root;
}

int show_json_print(struct json_object *root)
{
	bool failed = puts(json_object_to_json_string_ext(
			      root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)) < 0 ||
		      fflush(stdout);

	json_object_put(root);
	if (!failed)
		return EXIT_DONE;
	log_error("stdout: %s", strerror(errno));
	return EXIT_FAILED;
}

static struct json_object *prefixes_json(const struct prefix_set *set)
{
	struct json_object *array = json_object_new_array();
	char text[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < set->n; i++)
		json_object_array_add(array,
				      json_object_new_string(prefix_format(&set->items[i], text)));
	return array;
}

static struct json_object *services_json(const struct service_set *set)
{
	struct json_object *array = json_object_new_array();
	char text[SERVICE_TEXT_LEN];

	for (size_t i = 0; i < set->n; i++)
		json_object_array_add(array,
				      json_object_new_string(service_format(&set->items[i], text)));
	return array;
}

static struct json_object *names_json(const struct name_set *set)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < set->n; i++)
		json_object_array_add(array, json_object_new_string(set->items[i]));
	return array;
}

static struct json_object *owners_json(const struct owner_set *set)
{
	struct json_object *array = json_object_new_array();
	char text[OWNER_TEXT_LEN];

	for (size_t i = 0; i < set->n; i++)
		json_object_array_add(array,
				      json_object_new_string(owner_text(&set->items[i], text)));
	return array;
}

/* Without conditions a key is missing; an empty array is nobody. */
static void add_own(struct json_object *object, const struct rule *rule)
{
	json_object_object_add(object, "local",
			       json_object_new_string(policy_local_names[rule->local]));
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
		if (!owner_set_is_any(&rule->owners[kind]))
			json_object_object_add(object, owner_kind_names[kind],
					       owners_json(&rule->owners[kind]));
}

/* TCP flow starts for the listener, and how many of them became connections. */
static struct health last_minute(const struct state *state, int index)
{
	struct health health = { 0 };

	if (health_read(state, (__u32)index, IPPROTO_TCP, &health))
		log_debug("rule %d: cannot read its flows of the last minute", index);
	return health;
}

static struct json_object *last_minute_json(const struct state *state, int index)
{
	struct json_object *object = json_object_new_object();
	const struct health health = last_minute(state, index);

	json_object_object_add(object, "started", json_object_new_uint64(health.started));
	json_object_object_add(object, "delivered", json_object_new_uint64(health.delivered));
	return object;
}

/* Keys that are not called as in the file; schema 1 promises them. */
static void add_former_names(struct json_object *object, const struct rule *rule)
{
	json_object_object_add(object, "services", services_json(&rule->services));
	if (rule->interfaces.n)
		json_object_object_add(object, "interfaces", names_json(&rule->interfaces));
	json_object_object_add(object, "on_down",
			       json_object_new_string(policy_on_down_names[rule->on_down]));
}

static struct json_object *rule_json(const struct state *state, int index, const struct rule *rule)
{
	struct json_object *object = json_object_new_object();
	struct tproxy_rulestat stat = { 0 };
	char proxy[PROXY_TEXT_LEN];

	policy_maps_rulestat(state, (__u32)index, &stat);
	json_object_object_add(object, "index", json_object_new_int(index));
	json_object_object_add(object, "name", json_object_new_string(rule->name));
	json_object_object_add(object, "action",
			       json_object_new_string(policy_action_names[rule->action]));
	json_object_object_add(object, "ports", services_json(&rule->services));
	if (rule->interfaces.n)
		json_object_object_add(object, "interface", names_json(&rule->interfaces));
	add_own(object, rule);
	json_object_object_add(object, "from", prefixes_json(&rule->from));
	json_object_object_add(object, "to", prefixes_json(&rule->to));
	json_object_object_add(object, "proxy",
			       json_object_new_string(proxy_format(&rule->proxy, proxy)));
	json_object_object_add(object, "on_proxy_down",
			       json_object_new_string(policy_on_down_names[rule->on_down]));
	json_object_object_add(object, "unrouted",
			       json_object_new_string(policy_unrouted_names[rule->unrouted]));
	add_former_names(object, rule);
	json_object_object_add(object, "flows", json_object_new_uint64(stat.flows));
	json_object_object_add(object, "packets", json_object_new_uint64(stat.packets));
	json_object_object_add(object, "bytes", json_object_new_uint64(stat.bytes));
	json_object_object_add(object, "last_minute", last_minute_json(state, index));
	return object;
}

struct json_object *show_rules_json(const struct state *state, const struct policy *policy)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (policy->rules[i].used)
			json_object_array_add(array, rule_json(state, i, &policy->rules[i]));
	return array;
}

#define SHOWN 8 /* items of a set; the rest is only counted */

static void print_prefixes(const char *word, const struct prefix_set *set)
{
	char text[PREFIX_TEXT_LEN];

	if (prefix_set_is_all(set)) {
		printf(" %s all", word);
		return;
	}
	printf(" %s", word);
	for (size_t i = 0; i < set->n && i < SHOWN; i++)
		printf("%c%s", i ? ',' : ' ', prefix_format(&set->items[i], text));
	if (!set->n)
		printf(" nothing");
	if (set->n > SHOWN)
		printf(" and %zu more", set->n - SHOWN);
}

static void print_services(const struct service_set *set)
{
	char text[SERVICE_TEXT_LEN];

	for (size_t i = 0; i < set->n && i < SHOWN; i++)
		printf("%c%s", i ? ',' : ' ', service_format(&set->items[i], text));
	if (!set->n)
		printf(" no port");
	if (set->n > SHOWN)
		printf(" and %zu more", set->n - SHOWN);
}

static void print_own(const struct rule *rule)
{
	char text[512];

	if (rule_is_local(rule))
		printf(", %s,", own_format(rule, text, sizeof(text)));
}

static void print_names(const struct name_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		printf("%s%s", i ? "," : " in ", set->items[i]);
}

struct json_object *show_pools_json(const struct pool_table *pools)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < pools->n; i++) {
		struct json_object *object = json_object_new_object();
		const struct pool_entry *entry = &pools->items[i];
		char text[POOL_TEXT_LEN];

		pool_format(entry, text);
		json_object_object_add(object, "pool",
				       json_object_new_string((const char *)entry->value.name));
		json_object_object_add(object, "value", json_object_new_string(text));
		json_object_array_add(array, object);
	}
	return array;
}

void show_pools_text(const struct pool_table *pools)
{
	char text[POOL_TEXT_LEN];

	if (pools->n)
		printf("pools:\n");
	for (size_t i = 0; i < pools->n && i < SHOWN; i++)
		printf("  %s: %s\n", (const char *)pools->items[i].value.name,
		       pool_format(&pools->items[i], text));
	if (pools->n > SHOWN)
		printf("  and %zu more\n", pools->n - SHOWN);
}

static const char *plural(__u64 n)
{
	return n == 1 ? "" : "s";
}

static void print_counters(const struct tproxy_rulestat *stat)
{
	printf("  (%llu flow%s, %llu packet%s, %llu byte%s", stat->flows, plural(stat->flows),
	       stat->packets, plural(stat->packets), stat->bytes, plural(stat->bytes));
}

static void print_last_minute(const struct state *state, int index)
{
	const struct health health = last_minute(state, index);

	if (health.started)
		printf("; last minute: %llu of %llu TCP flow starts delivered", health.delivered,
		       health.started);
	printf(")\n");
}

void show_rules_text(const struct state *state, const struct policy *policy, const char *indent)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &policy->rules[i];
		struct tproxy_rulestat stat = { 0 };
		char proxy[PROXY_TEXT_LEN];

		if (!rule->used)
			continue;
		policy_maps_rulestat(state, (__u32)i, &stat);
		printf("%s%d %s:", indent, i, rule->name);
		print_services(&rule->services);
		print_names(&rule->interfaces);
		print_own(rule);
		print_prefixes("from", &rule->from);
		print_prefixes("to", &rule->to);
		printf(": %s", policy_action_names[rule->action]);
		if (rule->action == TPROXY_ACTION_PROXY)
			printf(" %s, on-proxy-down %s", proxy_format(&rule->proxy, proxy),
			       policy_on_down_names[rule->on_down]);
		if (rule->action == TPROXY_ACTION_PROXY && rule->unrouted != TPROXY_UNROUTED_PASS)
			printf(", unrouted %s", policy_unrouted_names[rule->unrouted]);
		print_counters(&stat);
		print_last_minute(state, i);
	}
}
