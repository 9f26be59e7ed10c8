/* SPDX-License-Identifier: BSD-2-Clause */
/* The model as a configuration file. */
#include "policy/config/config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/util.h"

#define WIDTH 92

/* A list over as many lines as it takes; an indented line continues it. */
struct list {
	FILE *out;
	size_t column;
};

static void list_begin(struct list *list, const char *key)
{
	fprintf(list->out, "%s =", key);
	list->column = strlen(key) + 2;
}

static void list_add(struct list *list, const char *word)
{
	size_t len = strlen(word);

	if (list->column + len + 1 > WIDTH) {
		fputs("\n   ", list->out);
		list->column = 3;
	}
	fprintf(list->out, " %s", word);
	list->column += len + 1;
}

static void print_names(FILE *out, const char *key, const struct name_set *set)
{
	struct list list = { .out = out };

	if (!set->n)
		return;
	list_begin(&list, key);
	for (size_t i = 0; i < set->n; i++)
		list_add(&list, set->items[i]);
	fputc('\n', out);
}

static void print_prefixes(FILE *out, const char *key, const struct prefix_set *set)
{
	struct list list = { .out = out };
	char text[PREFIX_TEXT_LEN];

	if (set->n == 2 && prefix_set_is_all(set))
		return; /* the default */
	list_begin(&list, key);
	for (size_t i = 0; i < set->n; i++)
		list_add(&list, prefix_format(&set->items[i], text));
	if (!set->n)
		list_add(&list, "none");
	fputc('\n', out);
}

/* Each with its protocol, unless all are TCP. */
static void print_services(FILE *out, const struct service_set *set)
{
	struct list list = { .out = out };
	char text[SERVICE_TEXT_LEN];
	bool plain = true;

	for (size_t i = 0; i < set->n; i++)
		plain &= set->items[i].proto == IPPROTO_TCP && set->items[i].range.first;
	if (set->n == 1 && set->items[0].proto == IPPROTO_TCP && !set->items[0].range.first)
		return;
	list_begin(&list, "ports");
	for (size_t i = 0; i < set->n; i++)
		list_add(&list, service_format(&set->items[i], text) + (plain ? 4 : 0));
	if (!set->n)
		list_add(&list, "none");
	fputc('\n', out);
}

static void print_owners(FILE *out, const char *key, const struct owner_set *set)
{
	struct list list = { .out = out };
	char text[OWNER_TEXT_LEN];

	if (owner_set_is_any(set))
		return;
	list_begin(&list, key);
	for (size_t i = 0; i < set->n; i++)
		list_add(&list, owner_text(&set->items[i], text));
	if (!set->n)
		list_add(&list, "none");
	fputc('\n', out);
}

static void print_own(FILE *out, const struct rule *rule)
{
	if (rule->local == TPROXY_LOCAL_NO)
		return;
	fprintf(out, "local = %s\n", policy_local_names[rule->local]);
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
		print_owners(out, owner_kind_names[kind], &rule->owners[kind]);
}

static void print_rule(FILE *out, const struct rule *rule, enum tproxy_on_down on_down)
{
	char proxy[PROXY_TEXT_LEN];

	fprintf(out, "\n[rule %s]\n", rule->name);
	print_names(out, "interface", &rule->interfaces);
	print_own(out, rule);
	print_prefixes(out, "from", &rule->from);
	print_prefixes(out, "to", &rule->to);
	print_services(out, &rule->services);
	fprintf(out, "action = %s\n", policy_action_names[rule->action]);
	if (rule->action == TPROXY_ACTION_PROXY)
		fprintf(out, "proxy = %s\n", proxy_format(&rule->proxy, proxy));
	if (rule->on_down != on_down)
		fprintf(out, "on-proxy-down = %s\n", policy_on_down_names[rule->on_down]);
	if (rule->unrouted != TPROXY_UNROUTED_PASS)
		fprintf(out, "unrouted = %s\n", policy_unrouted_names[rule->unrouted]);
}

static void print_pool(FILE *out, const struct config_pool *pool)
{
	char address[PROXY_TEXT_LEN], server[PROXY_TEXT_LEN];

	fprintf(out, "\n[pool %s]\n", pool->name);
	for (size_t i = 0; i < pool->n; i++)
		fprintf(out, "%s = %s\n", proxy_format(&pool->items[i].address, address),
			proxy_format(&pool->items[i].server, server));
}

static void print_lines(FILE *out, const struct config_lines *lines)
{
	for (size_t i = 0; i < lines->n; i++) {
		const struct config_line *line = &lines->items[i];

		if (line->continued)
			fprintf(out, "    %s\n", line->value);
		else
			fprintf(out, "%s = %s\n", line->key, line->value);
	}
}

static void print_relay(FILE *out, const struct config *config)
{
	if (config->has_relay) {
		fputs("\n[relay]\n", out);
		print_lines(out, &config->relay);
	}
	for (size_t i = 0; i < config->n_egresses; i++) {
		fprintf(out, "\n[egress %s]\n", config->egresses[i].name);
		print_lines(out, &config->egresses[i].lines);
	}
}

static void print_local(FILE *out, const struct config *config)
{
	if (config->local || config->has_local)
		fprintf(out, "local = %s\n", config->local ? "yes" : "no");
	if (config->own_mark)
		fprintf(out, "own-mark = 0x%x\n", config->own_mark);
	if (config->own_table)
		fprintf(out, "own-table = %u\n", config->own_table);
	if (config->own_bound != CONFIG_OWN_DIRECT)
		fprintf(out, "own-bound = %s\n", config_own_bound_names[config->own_bound]);
	print_owners(out, "own-exclude", &config->own_exclude);
	if (config->own_proxy_mark)
		fprintf(out, "own-proxy-mark = 0x%x\n", config->own_proxy_mark);
}

static void print_loader(FILE *out, const struct config *config)
{
	fputs("[loader]\n", out);
	print_names(out, "interfaces", &config->interfaces);
	print_names(out, "divert", &config->divert);
	if (config->mark)
		fprintf(out, "mark = 0x%x\n", config->mark);
	if (config->table)
		fprintf(out, "table = %u\n", config->table);
	if (config->has_learn)
		fprintf(out, "learn = %u\n", config->learn);
	if (config->on_down != TPROXY_ON_DOWN_DROP)
		fprintf(out, "on-proxy-down = %s\n", policy_on_down_names[config->on_down]);
	if (config->policy.unreadable != TPROXY_UNREADABLE_DROP)
		fprintf(out, "unreadable = %s\n",
			policy_unreadable_names[config->policy.unreadable]);
	print_local(out, config);
}

int config_print(const struct config *config, FILE *out)
{
	print_loader(out, config);
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (config->policy.rules[i].used)
			print_rule(out, &config->policy.rules[i], config->on_down);
	for (size_t i = 0; i < config->n_pools; i++)
		print_pool(out, &config->pools[i]);
	print_relay(out, config);
	return fflush(out) || ferror(out) ? -EIO : 0;
}

char *config_text(const struct config *config)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int err = out ? config_print(config, out) : -ENOMEM;

	if (out)
		fclose(out);
	if (!err)
		return text;
	free(text);
	return NULL;
}
