/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/routing/conflict.h"

#include <string.h>
#include <sys/socket.h>

#include "kernel/routing/route.h"
#include "kernel/state/state_list.h"

struct conflict {
	const struct tproxy_config *config; /* of the new state, or of own traffic */
	bool is_own;                        /* it is own traffic */
	const char *dir;                    /* of this state, which may have own traffic already */
	const char *option; /* "--own-" or "--": what --mark and --table begin with */
	struct state_list states;
	struct route_rule rule; /* one that conflicts with it */
};

static bool clashes_with_own(const struct tproxy_config *config, const struct listed_state *other)
{
	return other->own_mark &&
	       ((config->mask & other->own_mark) || (config->df_mark & other->own_mark) ||
		config->table == other->own_table);
}

static bool clashes(const struct tproxy_config *config, __u32 mask, __u32 table)
{
	return (config->mask & mask) || config->table == table;
}

/* ---- states that exist -------------------------------------------------- */

/* Two states cannot share the addresses of tokens. */
static int refuse_second(const struct listed_state *state)
{
	char text[STATE_PATH_LEN + 32];

	log_error("own traffic: %s has it already (detach --local there, with its --pin-dir)",
		  listed_state_text(state, text, sizeof(text)));
	return -EBUSY;
}

static int refuse_own(const struct conflict *r, const struct listed_state *state)
{
	char text[STATE_PATH_LEN + 32];

	log_error("mark 0x%x, table %u: %s uses mark 0x%x and table %u for own traffic (choose "
		  "others with %smark and %stable, or detach that one, with its --pin-dir)",
		  r->config->mark, r->config->table, listed_state_text(state, text, sizeof(text)),
		  state->own_mark, state->own_table, r->option, r->option);
	return -EBUSY;
}

static int check_states(const struct conflict *r)
{
	char text[STATE_PATH_LEN + 32];

	for (size_t i = 0; i < r->states.n; i++) {
		const struct listed_state *state = &r->states.items[i];
		const struct tproxy_config *other = &state->config;

		if (r->is_own && state->own_mark && strcmp(state->dir, r->dir) != 0)
			return refuse_second(state);
		if (strcmp(state->dir, r->dir) && clashes_with_own(r->config, state))
			return refuse_own(r, state);
		if (!clashes(r->config, other->mask, other->table))
			continue;
		log_error("mark 0x%x, table %u: %s uses mark 0x%x and table %u (choose "
			  "others with %smark and %stable, or detach that one, with its --pin-dir)",
			  r->config->mark, r->config->table,
			  listed_state_text(&r->states.items[i], text, sizeof(text)), other->mark,
			  other->table, r->option, r->option);
		return -EBUSY;
	}
	return 0;
}

/* ---- rules without a state ---------------------------------------------- */

/* Rules with exactly our mark and table become ours, if it is sure that their state is dead. */
static int conflicts(const struct route_rule *rule, void *arg)
{
	struct conflict *r = arg;
	bool same = rule->mask == r->config->mask && rule->table == r->config->table;

	if (!clashes(r->config, rule->mask, rule->table) ||
	    state_list_by_key(&r->states, rule->mark, rule->mask, rule->table) ||
	    (same && !r->states.blind))
		return 0;
	r->rule = *rule;
	return 1;
}

static int check_rules(struct session *session, struct conflict *r)
{
	char text[RULE_TEXT_LEN];
	int found = 0;

	for (size_t i = 0; i < ROUTE_FAMILIES && !found; i++)
		if (route_family_present(route_families[i]))
			found = route_rules_of_tproxy(&session->nl, route_families[i], conflicts,
						      r);
	if (found <= 0)
		return found;
	log_error(
		"mark 0x%x, table %u: the rule \"%s\" of %s uses them (choose others with "
		"%smark and %stable; tproxy-loader clean removes what is left of a state that is gone)",
		r->config->mark, r->config->table, rule_text(&r->rule, text),
		r->states.blind ? "another tproxy state, or of one that is gone," :
				  "a tproxy state that is gone",
		r->option, r->option);
	return -EBUSY;
}

/* ---- others ------------------------------------------------------------- */

static int check_foreign(struct session *session, const struct conflict *r)
{
	const struct tproxy_config *config = r->config;
	char text[160];
	int found = route_mark_conflict(&session->nl, config->mask, text, sizeof(text));

	if (!found)
		found = route_table_conflict(&session->nl, config->table, text, sizeof(text));
	if (found > 0)
		log_error("%s (choose others with %smark and %stable)", text, r->option, r->option);
	if (!found) {
		found = route_mark_conflict(&session->nl, config->df_mark, text, sizeof(text));
		if (found > 0)
			log_error("%s, and it is used with mark 0x%x for datagrams that forbid "
				  "fragments (choose another with --mark)",
				  text, config->mark);
	}
	if (found < 0)
		log_error("routing: cannot read rules and routes: %s (try again)",
			  strerror(-found));
	return found > 0 ? -EBUSY : found;
}

static int check(struct session *session, const struct tproxy_config *config, bool is_own)
{
	struct conflict r = { .config = config,
			      .dir = session->app->pin_dir,
			      .is_own = is_own,
			      .option = is_own ? "--own-" : "--" };
	int err = state_list_read(session->app->pin_dir, &r.states);

	if (err) {
		log_error("other states: cannot look for them: %s (try again)", strerror(-err));
		return err;
	}
	err = check_states(&r);
	if (!err) {
		err = check_rules(session, &r);
		if (err && err != -EBUSY)
			log_error("routing rules: cannot read them: %s (try again)",
				  strerror(-err));
	}
	state_list_free(&r.states);
	return err ? err : check_foreign(session, &r);
}

int conflict_check(struct session *session, const struct tproxy_config *config)
{
	return check(session, config, false);
}

int conflict_check_own(struct session *session, const struct route_key *key)
{
	const struct tproxy_config config = { .mark = key->mark,
					      .mask = key->mask,
					      .table = key->table };

	return check(session, &config, true);
}
