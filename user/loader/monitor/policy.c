/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another generation of the policy, a policy that waits to be confirmed, and edits by hand: the
 * tables changed, and no command reports that. A command reports after its last edit, so the
 * tables must stay the same for one look before an edit counts as made by hand.
 */
#include <string.h>

#include "kernel/maps/confirm_deadline.h"
#include "lib/plain.h"
#include "loader/monitor/monitor.h"

/* Reading a large policy takes at most this part of the time. */
#define READING_SHARE 20

static struct json_object *with_generation(__u32 generation)
{
	struct json_object *detail = monitor_detail();

	monitor_add_number(detail, "generation", generation);
	return detail;
}

/* ---- generation --------------------------------------------------------- */

static void say_generation(struct monitoring *m, bool back)
{
	monitor_say(&m->out, NULL, back ? "rolled_back" : "policy", with_generation(m->generation),
		    "generation %u is live%s", m->generation,
		    back ? ": the previous policy is back" : "");
}

/* The one that had to be confirmed is not live any more; its deadline may not be cleared yet. */
static bool is_back(const struct monitoring *m, const struct session *session)
{
	struct confirm_deadline deadline;

	if (confirm_deadline_read(&session->state, &deadline))
		return false;
	return confirm_deadline_fell_back(&session->state, &deadline) ||
	       (m->armed && m->armed == deadline.generation && m->armed != m->generation);
}

static void look_at_generation(struct monitoring *m, const struct session *session)
{
	const __u32 now = session->state.config.generation;

	if (!m->looked || now == m->generation) {
		m->generation = now;
		m->unheard = false;
		return;
	}
	if (!m->deaf && !m->unheard) {
		m->unheard = true;
		return;
	}
	m->unheard = false;
	m->generation = now;
	say_generation(m, is_back(m, session));
}

static void look_at_deadline(struct monitoring *m, const struct session *session)
{
	struct confirm_deadline deadline;
	const bool armed = confirm_deadline_read_armed(&session->state, &deadline);
	struct json_object *detail;

	if (armed && m->armed != deadline.generation && m->looked) {
		const __u64 left = confirm_deadline_seconds_left(&deadline);

		detail = with_generation(deadline.generation);
		monitor_add_number(detail, "seconds", left);
		monitor_say(&m->out, NULL, "confirm_started", detail,
			    "generation %u has to be confirmed in %llu s (tproxy-loader confirm)",
			    deadline.generation, left);
	} else if (!armed && m->armed && m->armed == session->state.config.generation && m->deaf) {
		monitor_say(&m->out, NULL, "confirmed", with_generation(m->armed),
			    "generation %u stays", m->armed);
	}
	m->armed = armed ? deadline.generation : 0;
}

/* ---- edits by hand ------------------------------------------------------ */

struct edits {
	unsigned int set[TABLES_MAP_MAX], removed[TABLES_MAP_MAX];
	unsigned int n;
};

static int count_edit(const struct tables_edit *edit, void *arg)
{
	struct edits *edits = arg;

	if (edit->remove)
		edits->removed[edit->map]++;
	else
		edits->set[edit->map]++;
	edits->n++;
	return 0;
}

static void say_drift(struct monitoring *m, const struct edits *edits)
{
	for (int map = 0; map < TABLES_MAP_MAX; map++) {
		struct json_object *detail;

		if (!edits->set[map] && !edits->removed[map])
			continue;
		detail = with_generation(m->generation);
		monitor_add_text(detail, "map", tables_map_names[map]);
		monitor_add_number(detail, "set", edits->set[map]);
		monitor_add_number(detail, "removed", edits->removed[map]);
		monitor_say(&m->out, NULL, "drift", detail,
			    "%s: %u entr%s set, %u removed by hand (tproxy-loader diff)",
			    tables_map_names[map], edits->set[map],
			    edits->set[map] == 1 ? "y" : "ies", edits->removed[map]);
	}
}

/* Who does not hear the commands cannot tell. */
static void say_edits(struct monitoring *m, const struct edits *edits)
{
	if (m->deaf && edits->n)
		monitor_say(&m->out, NULL, "policy", with_generation(m->generation),
			    "the rules of generation %u were edited, by a command or by hand",
			    m->generation);
	else
		say_drift(m, edits);
}

static void settle(struct monitored_policy *p)
{
	p->suspected = false;
	tables_free(&p->before);
	p->before = (struct tables){ .active = 0 };
}

static void judge(struct monitoring *m, struct tables *now, __u32 generation)
{
	struct monitored_policy *p = &m->policy;
	struct edits since = { .n = 0 }, edits = { .n = 0 };

	if (!p->read || generation != p->generation || p->reported) {
		p->reported = false;
		settle(p);
		return;
	}
	if (tables_diff(&p->tables, now, count_edit, &since))
		return;
	if (since.n && !p->suspected) {
		p->suspected = true;
		p->before = p->tables;
		p->tables = (struct tables){ .active = 0 };
		m->hurry = true;
	} else if (!since.n && p->suspected) {
		if (!tables_diff(&p->before, now, count_edit, &edits))
			say_edits(m, &edits);
		settle(p);
	}
}

static void name_rules(struct monitoring *m, const struct tables *tables)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		plain_text(tables_rule_is_used(&tables->rules[i]) ? tables->rules[i].name :
								    (const __u8 *)"",
			   sizeof(tables->rules[i].name), m->names[i], sizeof(m->names[i]));
}

static void look_at_tables(struct monitoring *m, const struct session *session)
{
	struct monitored_policy *p = &m->policy;
	struct tables now = { .active = 0 };
	struct policy policy = { 0 };
	const uint64_t begin = monotonic_ms();

	if (begin < p->due && p->generation == session->state.config.generation)
		return;
	if (policy_maps_read_tables(&session->state, &now) || tables_to_policy(&now, &policy)) {
		tables_free(&now);
		return;
	}
	judge(m, &now, session->state.config.generation);
	name_rules(m, &now);
	tables_free(&p->tables);
	policy_free(&p->policy);
	p->tables = now;
	p->policy = policy;
	p->generation = session->state.config.generation;
	p->read = true;
	p->due = monotonic_ms() + READING_SHARE * (monotonic_ms() - begin);
}

/* ---- the whole ---------------------------------------------------------- */

void monitoring_look_policy(struct monitoring *m, const struct session *session)
{
	look_at_generation(m, session);
	look_at_deadline(m, session);
	look_at_tables(m, session);
}

void monitoring_forget_policy(struct monitoring *m)
{
	tables_free(&m->policy.tables);
	tables_free(&m->policy.before);
	policy_free(&m->policy.policy);
	m->policy = (struct monitored_policy){ .read = false };
	memset(m->names, 0, sizeof(m->names));
	m->armed = 0;
}
