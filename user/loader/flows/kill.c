/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/flows/kill.h"

#include <string.h>

#include "lib/flows/ask.h"
#include "lib/util.h"
#include "loader/show/show.h"

struct killing {
	const struct flows_command *command;
	struct flow_list list; /* its relays */
	uint64_t ended;
	bool failed; /* reported */
};

static void report_failure(struct killing *k, int err, const char *relay)
{
	char why[FLOWS_WHY_LEN];

	flow_report_explain(err, relay, why);
	log_error("%s", why);
	k->failed = true;
}

/* At one relay. Returns how many ended. */
static uint64_t end_there(struct killing *k, const char *relay, const struct flows_filter *filter)
{
	struct flows_answer answer;
	int err = flows_ask(relay, FLOWS_KILL, filter, NULL, NULL, &answer);

	if (err) {
		report_failure(k, err, relay);
		return 0;
	}
	if (answer.silent) {
		log_error("relay %s: %u of its processes did not answer (try again)", relay,
			  answer.silent);
		k->failed = true;
	}
	k->ended += answer.matched;
	return answer.matched;
}

static void end_matching(struct killing *k)
{
	for (size_t i = 0; i < k->list.n_relays && !k->failed; i++)
		end_there(k, k->list.relays[i].name, &k->command->report.filter);
}

/* ---- by id -------------------------------------------------------------- */

/* Relays number their flows independently. NULL: not found, or reported. */
static const char *relay_of(struct killing *k, const struct flows_filter *filter)
{
	const struct flows_relay *failed = NULL;
	struct flow_list *list = &k->list;
	int err;

	if (list->n_relays == 1)
		return list->relays[0].name;
	list->n = 0;
	err = flow_list_fill(list, filter, &failed);
	if (err) {
		report_failure(k, err, failed->name);
		return NULL;
	}
	if (list->n > 1) {
		log_error("flow %llu: more than one relay has it (choose one: --relay %s)",
			  (unsigned long long)filter->id, list->relays[list->items[0].relay].name);
		k->failed = true;
		return NULL;
	}
	return list->n ? list->relays[list->items[0].relay].name : NULL;
}

static void end_id(struct killing *k, uint64_t id)
{
	struct flows_filter filter = k->command->report.filter;
	const char *relay;
	bool before = k->failed;

	k->failed = false;
	filter.id = id;
	relay = relay_of(k, &filter);
	if (!(relay && end_there(k, relay, &filter)) && !k->failed) {
		log_error("flow %llu: not found (it has ended, or see tproxy-loader flows)",
			  (unsigned long long)id);
		k->failed = true;
	}
	k->failed |= before;
}

/* ---- the command -------------------------------------------------------- */

static int print(const struct killing *k)
{
	struct json_object *root;

	if (!k->command->report.json) {
		printf("ended %llu flow%s\n", (unsigned long long)k->ended,
		       k->ended == 1 ? "" : "s");
		return EXIT_DONE;
	}
	root = show_json_root();
	json_object_object_add(root, "ended", json_object_new_uint64(k->ended));
	return show_json_print(root);
}

int flows_kill(const struct flows_command *command)
{
	struct killing k = { .command = command };
	int err = flow_list_open(&k.list, command->report.relay);
	int code;

	if (err) {
		report_failure(&k, err, command->report.relay);
		flow_list_free(&k.list);
		return EXIT_FAILED;
	}
	if (!command->n_ids)
		end_matching(&k);
	for (size_t i = 0; i < command->n_ids; i++)
		end_id(&k, command->ids[i]);
	flow_list_free(&k.list);
	if (k.failed && !k.ended)
		return EXIT_FAILED;
	code = print(&k);
	return k.failed ? EXIT_FAILED : code;
}
