/* SPDX-License-Identifier: BSD-2-Clause */
/* What `status` shows, as JSON. */
#include "loader/edit/changes.h"
#include "loader/show/adopted.h"
#include "loader/show/show.h"
#include "loader/show/status.h"

static struct json_object *roles_json(__u32 roles)
{
	struct json_object *array = json_object_new_array();

	if (roles & TPROXY_ROLE_POLICY)
		json_object_array_add(array, json_object_new_string("policy"));
	if (roles & TPROXY_ROLE_DIVERT)
		json_object_array_add(array, json_object_new_string("divert"));
	if (roles & TPROXY_ROLE_DRAINING)
		json_object_array_add(array, json_object_new_string("draining"));
	return array;
}

static struct json_object *program_json(const struct chain_program *program)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "device", json_object_new_string(program->device));
	json_object_object_add(object, "what", json_object_new_string(program->what));
	json_object_object_add(object, "name", json_object_new_string(program->name));
	json_object_object_add(object, "id", json_object_new_int64(program->id));
	json_object_object_add(object, "acknowledged",
			       json_object_new_boolean(program->acknowledged));
	return object;
}

/* In the order in which they run. */
static struct json_object *chain_json(const struct chain *chain)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < chain->n; i++)
		json_object_array_add(array, program_json(&chain->items[i]));
	return array;
}

static struct json_object *iface_json(const struct iface_view *v)
{
	struct json_object *object = json_object_new_object();
	const struct iface_entry *iface = &v->checked->iface;

	json_object_object_add(object, "name", json_object_new_string(v->name));
	json_object_object_add(object, "ifindex", json_object_new_int((int)iface->ifindex));
	json_object_object_add(object, "present", json_object_new_boolean(v->checked->there));
	json_object_object_add(object, "up", json_object_new_boolean(v->up));
	json_object_object_add(object, "hook", json_object_new_string(hook_names[v->hook]));
	json_object_object_add(object, "before", chain_json(&v->chain));
	json_object_object_add(object, "roles", roles_json(iface->value.roles));
	if (v->vrf[0])
		json_object_object_add(object, "vrf", json_object_new_string(v->vrf));
	json_object_object_add(object, "routing4", json_object_new_string(v->routing4));
	json_object_object_add(object, "routing6", json_object_new_string(v->routing6));
	return object;
}

static struct json_object *ifaces_json(const struct status *s)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < s->n; i++)
		json_object_array_add(array, iface_json(&s->ifaces[i]));
	return array;
}

/* The classes of which the socket map has listeners that are destroyed or shut down. */
static struct json_object *dead_json(const struct listening *l)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < TPROXY_CLASS_MAX; i++)
		if (l->dead >> i & 1)
			json_object_array_add(array,
					      json_object_new_string(listening_class_names[i]));
	return array;
}

static struct json_object *relay_json(const struct status *s)
{
	struct json_object *object = json_object_new_object();
	const __u8 classes = listening_relay(&s->listening);

	for (int i = 0; i < TPROXY_CLASS_MAX; i++)
		json_object_object_add(object, listening_class_names[i],
				       json_object_new_boolean(classes >> i & 1));
	json_object_object_add(object, "dead", dead_json(&s->listening));
	return object;
}

/* {"tcp4": "ok", …}, of the classes that the rule's flows may have. */
static struct json_object *listeners_json(const struct status *s, const struct rule *rule)
{
	struct json_object *object = json_object_new_object();
	const __u8 wanted = listening_wanted(rule);
	const struct listener *listener;

	for (enum tproxy_class cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
		enum found found;

		if (!(wanted >> cls & 1))
			continue;
		found = listening_find(&s->listening, rule, cls, NULL, &listener);
		json_object_object_add(object, listening_class_names[cls],
				       json_object_new_string(found_names[found]));
	}
	return object;
}

static struct json_object *rules_json(const struct status *s)
{
	const struct policy *policy = &s->checkup.policy;
	struct json_object *array = show_rules_json(&s->checkup.session->state, policy);

	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *object = json_object_array_get_idx(array, i), *index;
		const struct rule *rule;

		json_object_object_get_ex(object, "index", &index);
		rule = &policy->rules[json_object_get_int(index)];
		if (rule->action == TPROXY_ACTION_PROXY)
			json_object_object_add(object, "listeners", listeners_json(s, rule));
	}
	return array;
}

static struct json_object *counters_json(const struct status *s)
{
	struct json_object *object = json_object_new_object();

	for (int i = 0; i < TPROXY_COUNT_MAX; i++)
		json_object_object_add(object, counter_texts[i].name,
				       json_object_new_uint64(s->counters[i]));
	return object;
}

static void add_config(const struct status *s, struct json_object *root)
{
	const struct state *state = &s->checkup.session->state;
	const struct tproxy_config *config = &state->config;
	const char *unreadable = policy_unreadable_names[s->checkup.policy.unreadable];

	json_object_object_add(root, "attached",
			       json_object_new_boolean(s->n > 0 || s->own.attached));
	json_object_object_add(root, "pin_dir", json_object_new_string(state->dir));
	json_object_object_add(root, "abi", json_object_new_int((int)config->abi));
	json_object_object_add(root, "generation", json_object_new_int64(config->generation));
	json_object_object_add(root, "mark", json_object_new_int64(config->mark));
	json_object_object_add(root, "df_mark", json_object_new_int64(config->df_mark));
	json_object_object_add(root, "table", json_object_new_int64(config->table));
	json_object_object_add(root, "unreadable", json_object_new_string(unreadable));
	json_object_object_add(root, "sk_lookup", json_object_new_boolean(s->lookup));
}

struct json_object *status_json(const struct status *s)
{
	const struct checkup *c = &s->checkup;
	const enum verdict verdict = problems_verdict(&c->problems);
	struct json_object *root = show_json_root();

	add_config(s, root);
	json_object_object_add(root, "interfaces", ifaces_json(s));
	if (s->own.attached)
		json_object_object_add(root, "own", own_view_json(&s->own));
	json_object_object_add(root, "relay", relay_json(s));
	json_object_object_add(root, "rules", rules_json(s));
	json_object_object_add(root, "adopted", adopted_json(&s->records));
	json_object_object_add(root, "shims", shims_json(&c->session->state));
	json_object_object_add(root, "pools", show_pools_json(&s->pools));
	changes_add_status(c->session, &c->policy, root);
	json_object_object_add(root, "older_udp_flows", json_object_new_uint64(s->older));
	json_object_object_add(root, "counters", counters_json(s));
	json_object_object_add(root, "probes_sent", json_object_new_int((int)c->probes_sent));
	json_object_object_add(root, "probes_arrived", json_object_new_int((int)c->probes_arrived));
	json_object_object_add(root, "problems", problems_json(&c->problems));
	json_object_object_add(root, "verdict", json_object_new_string(verdict_names[verdict]));
	return root;
}

int status_print_json(const struct status *s)
{
	return show_json_print(status_json(s));
}
