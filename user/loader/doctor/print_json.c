/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor as JSON. */
#include <arpa/inet.h>
#include <string.h>

#include "lib/plain.h"
#include "loader/check/tools/listening.h"
#include "loader/check/tools/rule_probe.h"
#include "loader/doctor/doctor_print.h"
#include "loader/show/show.h"

static void add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

/* It may have any byte, and JSON takes only valid text. */
static void add_name(struct json_object *object, const char *key, const char *name)
{
	char plain[TPROXY_NAME_LEN];

	add_text(object, key, plain_text(name, strlen(name), plain, sizeof(plain)));
}

static const char *result_of(const struct examined *item)
{
	if (!item->ran)
		return "skipped";
	if (item->verdict != VERDICT_OK)
		return verdict_names[item->verdict];
	return item->unchecked ? "unchecked" : verdict_names[VERDICT_OK];
}

static struct json_object *item_json(const struct examination *e, const struct examined *item)
{
	struct json_object *object = json_object_new_object();
	struct json_object *ids = json_object_new_array();

	for (size_t i = item->first; i < item->first + item->n; i++)
		json_object_array_add(ids, json_object_new_string(e->checkup.problems.items[i].id));
	add_text(object, "id", item->check->id);
	add_text(object, "group", check_group_names[item->check->group]);
	add_text(object, "question", item->check->question);
	add_text(object, "result", result_of(item));
	add_text(object, "evidence", item->evidence);
	json_object_object_add(object, "problems", ids);
	return object;
}

static void add_address(struct json_object *object, const char *key, const struct endpoint *address)
{
	char text[INET6_ADDRSTRLEN];

	if (address->family && inet_ntop(address->family, address->addr, text, sizeof(text)))
		add_text(object, key, text);
}

static struct json_object *probe_json(const struct checkup *c, const struct rule_probe *probe)
{
	const bool v4 = listening_family(probe->cls) == AF_INET;
	const bool tcp = listening_protocol(probe->cls) == IPPROTO_TCP;
	struct json_object *object = json_object_new_object();

	add_name(object, "rule", c->policy.rules[probe->rule].name);
	add_name(object, "interface", probe->iface->device.name);
	add_text(object, "family", v4 ? "ipv4" : "ipv6");
	add_text(object, "protocol", tcp ? "tcp" : "udp");
	add_text(object, "result", rule_probe_names[probe->result]);
	add_address(object, "src", &probe->src);
	add_address(object, "dst", &probe->dst);
	if (probe->dst.family)
		json_object_object_add(object, "dst_port", json_object_new_int(probe->dst.port));
	return object;
}

static struct json_object *checks_json(const struct examination *e)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < checks_n; i++)
		json_object_array_add(array, item_json(e, &e->items[i]));
	return array;
}

static struct json_object *probes_json(const struct checkup *c)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < c->n_rule_probes; i++)
		json_object_array_add(array, probe_json(c, &c->rule_probes[i]));
	return array;
}

struct json_object *doctor_json(const struct examination *e)
{
	const struct checkup *c = &e->checkup;
	struct json_object *root = show_json_root();

	add_text(root, "pin_dir", e->session.app->pin_dir);
	json_object_object_add(root, "attached", json_object_new_boolean(c->attached && c->n));
	json_object_object_add(root, "checks", checks_json(e));
	json_object_object_add(root, "probes", probes_json(c));
	json_object_object_add(root, "problems", problems_json(&c->problems));
	json_object_object_add(root, "errors", json_object_new_uint64(e->errors));
	json_object_object_add(root, "warnings", json_object_new_uint64(e->warnings));
	add_text(root, "verdict", verdict_names[problems_verdict(&c->problems)]);
	return root;
}
