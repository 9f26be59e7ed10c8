/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/edit/changes.h"

#include <string.h>

#include "kernel/maps/applied.h"
#include "kernel/maps/confirm_deadline.h"
#include "kernel/maps/policy_maps.h"
#include "kernel/own/own.h"
#include "policy/config/read.h"

#define LINE_LEN 384

/* ---- one difference ----------------------------------------------------- */

static void add_text(struct json_object *object, const char *key, const char *text)
{
	if (text)
		json_object_object_add(object, key, json_object_new_string(text));
}

static struct json_object *item_json(const struct change_item *item)
{
	struct json_object *object = json_object_new_object();

	add_text(object, "change", item->change);
	if (item->what)
		add_text(object, item->what, item->name);
	add_text(object, "role", item->role);
	add_text(object, "key", item->key);
	add_text(object, "value", item->value);
	return object;
}

void changes_take(struct changes *c, const struct change_item *item)
{
	c->n++;
	if (c->note)
		c->note(item, c->arg);
	if (c->limit && c->n > c->limit)
		return;
	if (c->out)
		fprintf(c->out, "%s%s\n", c->indent, item->line);
	if (c->array)
		json_object_array_add(c->array, item_json(item));
}

static void describe(const struct policy_change *change, char *line)
{
	static const char *const words[CHANGE_MAX] = {
		[CHANGE_RULE_NEW] = "+ rule",   [CHANGE_RULE_GONE] = "- rule",
		[CHANGE_RULE_MOVED] = "~ rule", [CHANGE_VALUE_NEW] = "+",
		[CHANGE_VALUE_GONE] = "-",
	};

	if (!change->rule)
		snprintf(line, LINE_LEN, "loader: %s %s = %s", words[change->kind], change->field,
			 change->text);
	else if (change->field)
		snprintf(line, LINE_LEN, "rule %s: %s %s = %s", change->rule, words[change->kind],
			 change->field, change->text);
	else
		snprintf(line, LINE_LEN, "%s %s%s", words[change->kind], change->rule,
			 change->kind == CHANGE_RULE_MOVED ? ": moved to another place" : "");
}

static int take_change(const struct policy_change *change, void *arg)
{
	char line[LINE_LEN];
	const struct change_item item = { .change = policy_change_names[change->kind],
					  .what = change->rule ? "rule" : NULL,
					  .name = change->rule,
					  .key = change->field,
					  .value = change->field ? change->text : NULL,
					  .line = line };

	describe(change, line);
	changes_take(arg, &item);
	return 0;
}

int changes_between(struct changes *changes, const struct policy *from, const struct policy *to)
{
	return policy_diff(from, to, take_change, changes);
}

static void take_iface(struct changes *c, const struct iface_entry *iface)
{
	const char *name = (const char *)iface->value.name;
	char line[LINE_LEN];
	const struct change_item item = {
		.change = "interface_rules", .what = "interface", .name = name, .line = line
	};

	snprintf(line, sizeof(line), "interface %s: its rules were changed by hand", name);
	changes_take(c, &item);
}

int changes_of_ifaces(struct changes *changes, const struct state *state,
		      const struct policy *policy)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err = policy_maps_ifaces(state, &ifaces, &n);

	for (size_t i = 0; i < n; i++)
		if ((ifaces[i].value.roles & (TPROXY_ROLE_POLICY | TPROXY_ROLE_LOCAL)) &&
		    ifaces[i].value.mask != policy_iface_rules(policy, &ifaces[i].value))
			take_iface(changes, &ifaces[i]);
	return err;
}

static void take_pool(const struct pool_entry *entry, bool gone, void *arg)
{
	char text[POOL_TEXT_LEN], line[LINE_LEN];
	const struct change_item item = { .change = gone ? "pool_gone" : "pool_new",
					  .what = "pool",
					  .name = (const char *)entry->value.name,
					  .value = text,
					  .line = line };

	pool_format(entry, text);
	snprintf(line, sizeof(line), "pool %s: %c %s", item.name, gone ? '-' : '+', text);
	changes_take(arg, &item);
}

static int compare_pools(struct changes *changes, const struct state *state,
			 const struct config *config, bool since)
{
	struct pool_table live __cleanup_pools = { 0 };
	struct pool_table other __cleanup_pools = { 0 };
	int err = pools_read(state, &live);

	if (!err)
		err = pools_compile(config, &other);
	if (!err)
		pools_diff(since ? &other : &live, since ? &live : &other, take_pool, changes);
	return err;
}

int changes_of_pools(struct changes *changes, const struct state *state,
		     const struct config *config)
{
	return compare_pools(changes, state, config, false);
}

static void take_setting(struct changes *changes, const char *key, const char *was, const char *is)
{
	const struct policy_change gone = { CHANGE_VALUE_GONE, NULL, key, was };
	const struct policy_change new = { CHANGE_VALUE_NEW, NULL, key, is };

	take_change(&gone, changes);
	take_change(&new, changes);
}

/* Of own traffic, if it is attached. */
static void changes_of_own(struct changes *changes, const struct state *state,
			   const struct config *config)
{
	struct tproxy_own own;
	char was[16], is[16];
	bool deny;

	if (own_read_config(state, &own))
		return;
	snprintf(was, sizeof(was), "0x%x", own.mark);
	snprintf(is, sizeof(is), "0x%x", config->own_mark);
	if (config->own_mark && config->own_mark != own.mark)
		take_setting(changes, "own-mark", was, is);
	snprintf(was, sizeof(was), "%u", own.table);
	snprintf(is, sizeof(is), "%u", config->own_table);
	if (config->own_table && config->own_table != own.table)
		take_setting(changes, "own-table", was, is);
	deny = own.flags & TPROXY_OWN_DENY_BOUND;
	if (deny != (config->own_bound == CONFIG_OWN_DENY))
		take_setting(changes, "own-bound", config_own_bound_names[deny],
			     config_own_bound_names[config->own_bound]);
}

void changes_of_setup(struct changes *changes, const struct state *state,
		      const struct config *config)
{
	char was[16], is[16];

	snprintf(was, sizeof(was), "0x%x", state->config.mark);
	snprintf(is, sizeof(is), "0x%x", config->mark);
	if (config->mark && config->mark != state->config.mark)
		take_setting(changes, "mark", was, is);
	snprintf(was, sizeof(was), "%u", state->config.table);
	snprintf(is, sizeof(is), "%u", config->table);
	if (config->table && config->table != state->config.table)
		take_setting(changes, "table", was, is);
	if (config->local)
		changes_of_own(changes, state, config);
}

/* ---- since the last apply ----------------------------------------------- */

static void ignore(const char *file, unsigned int line, const char *text, void *arg)
{
	log_debug("applied configuration:%u: %s", line, text);
}

int changes_applied(const struct state *state, struct config *ret_config)
{
	static const struct config_reader reader = { .name = "applied",
						     .rule_lists = CONFIG_LISTS_REFUSE,
						     .report.error = ignore };
	struct applied applied __cleanup_applied = { 0 };
	__cleanup_file FILE *in = NULL;
	int err = applied_read(state, &applied);

	if (err)
		return err;
	if (!applied.len)
		return -ENOENT;
	in = fmemopen(applied.text, applied.len, "r");
	return in ? config_read(&reader, in, ret_config) : -errno;
}

int changes_since_apply(struct changes *changes, const struct state *state,
			const struct policy *live)
{
	struct config applied __cleanup_config = { 0 };
	int err = changes_applied(state, &applied);

	if (!err)
		err = changes_between(changes, &applied.policy, live);
	if (!err)
		err = compare_pools(changes, state, &applied, true);
	/* With the numbers of the live rules: new and removed rules are reported already. */
	return err ? err : changes_of_ifaces(changes, state, live);
}

/* ---- status ------------------------------------------------------------- */

void changes_print_status(const struct session *session, const struct policy *live)
{
	struct changes changes = { .indent = "" };
	struct confirm_deadline deadline;
	int err = changes_since_apply(&changes, &session->state, live);

	if (!err)
		printf("policy: as applied%s\n",
		       changes.n ? ", but edited since (tproxy-loader diff)" : "");
	if (confirm_deadline_read_armed(&session->state, &deadline))
		printf("policy: the previous one comes back in %llu s unless confirmed (tproxy-loader confirm)\n",
		       confirm_deadline_seconds_left(&deadline));
}

void changes_add_status(const struct session *session, const struct policy *live,
			struct json_object *root)
{
	struct changes changes = { .indent = "" };
	struct confirm_deadline deadline;
	int err = changes_since_apply(&changes, &session->state, live);
	bool armed = confirm_deadline_read_armed(&session->state, &deadline);

	json_object_object_add(root, "applied", json_object_new_boolean(!err));
	if (!err)
		json_object_object_add(root, "drift", json_object_new_uint64(changes.n));
	if (armed)
		json_object_object_add(
			root, "confirm_within_seconds",
			json_object_new_uint64(confirm_deadline_seconds_left(&deadline)));
}
