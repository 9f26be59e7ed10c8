/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/top/sample.h"

#include <string.h>

#include "kernel/maps/drops.h"
#include "kernel/state/program.h"
#include "lib/plain.h"
#include "lib/util.h"
#include "loader/flows/audited.h"
#include "loader/steps/session_open.h"

/* Reading a large policy takes at most this part of the time. */
#define NAMING_SHARE 20

/* ---- flows -------------------------------------------------------------- */

static void take_flows(struct top_sample *sample)
{
	static const struct flows_filter all;
	const struct flows_relay *failed = NULL;
	int err = flow_list_open(&sample->list, NULL);

	if (!err)
		err = flow_list_fill(&sample->list, &all, &failed);
	sample->relayed = !err;
	if (err)
		flow_report_explain(err, failed ? failed->name : NULL, sample->no_flows);
	else if (sample->list.silent)
		snprintf(sample->no_flows, sizeof(sample->no_flows),
			 "the list of flows is not complete: %u of the relay's processes did not "
			 "answer",
			 sample->list.silent);
}

/* ---- rules -------------------------------------------------------------- */

/* What is read is kept for a while if it took long. */
static int open_naming(struct top_source *source, const struct session *session)
{
	const __u32 id = program_map_id(session->state.map[MAP_CONFIG]);
	const __u32 generation = session->state.config.generation;
	const uint64_t begin = monotonic_ms();
	int err;

	if (source->named && source->naming_state == id &&
	    source->naming_generation == generation && begin < source->naming_due)
		return 0;
	naming_close(&source->naming);
	err = naming_open(&source->naming, session);
	source->named = !err;
	source->naming_state = id;
	source->naming_generation = generation;
	source->naming_due = monotonic_ms() + NAMING_SHARE * (monotonic_ms() - begin);
	return err;
}

static int count_rules(const struct naming *naming, const struct state *state,
		       struct top_sample *sample)
{
	int err = 0;

	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++) {
		const struct tproxy_rule *rule = &naming->tables.rules[i];
		struct top_counted *counted = &sample->rules[sample->n_rules];

		if (!tables_rule_is_used(rule) || !naming->rules[i].name)
			continue;
		counted->index = i;
		counted->rule = &naming->rules[i];
		plain_text(rule->name, sizeof(rule->name), counted->name, sizeof(counted->name));
		err = policy_maps_rulestat(state, (__u32)i, &counted->stat);
		sample->n_rules++;
	}
	return err;
}

static int count_drops(const struct state *state, struct top_sample *sample)
{
	const __u64 dropping = drops_counters(&state->config);
	__u64 counters[TPROXY_COUNT_MAX];
	int err = policy_maps_counters(state, counters);

	for (int i = 0; i < TPROXY_COUNT_MAX && !err; i++)
		if (dropping >> i & 1)
			sample->drops += counters[i];
	return err;
}

static int take_rules(struct top_source *source, struct session *session, struct top_sample *sample)
{
	static const struct flows_filter all;
	int err = open_naming(source, session);

	if (!err)
		err = count_rules(&source->naming, &session->state, sample);
	if (!err)
		err = count_drops(&session->state, sample);
	if (!err)
		naming_apply(&source->naming, session, &sample->list);
	if (!err)
		err = audited_add(&sample->list, &all, &session->state, source->naming.rules);
	sample->state = program_map_id(session->state.map[MAP_COUNTERS]);
	return err;
}

/* Opens it each time: it may have been removed, or made again. */
static void forget_rules(struct top_sample *sample, const char *why)
{
	for (size_t i = 0; i < sample->list.n; i++)
		sample->list.items[i].rule = NULL;
	sample->list.has_rules = false;
	sample->n_rules = 0;
	snprintf(sample->no_rules, sizeof(sample->no_rules), "%s", why);
}

void top_sample_take(struct top_source *source, struct top_sample *ret_sample)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	int code;

	*ret_sample = (struct top_sample){ .ms = monotonic_ms() };
	take_flows(ret_sample);
	session.app = source->app;
	code = session_open_silently(&session, source->app);
	ret_sample->attached = !code;
	if (code == EXIT_NOT_ATTACHED)
		forget_rules(ret_sample,
			     "nothing is attached (tproxy-loader attach IF, or attach --local)");
	else if (code)
		forget_rules(ret_sample, "the rules cannot be read (run as root; see "
					 "tproxy-loader rule list)");
	else if (take_rules(source, &session, ret_sample))
		forget_rules(ret_sample, "the maps cannot be read (see tproxy-loader status)");
}

void top_sample_free(struct top_sample *sample)
{
	flow_list_free(&sample->list);
}

void top_source_close(struct top_source *source)
{
	naming_close(&source->naming);
}
