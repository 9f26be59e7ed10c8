/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/setup.h"

#include <string.h>

#include "lib/living.h"

/* Mark and table are fixed while a state exists: they stand in rules and in the program's config. */
static int check_fixed(const struct session *session, const struct setup *wish)
{
	const struct tproxy_config *config = &session->state.config;

	if ((!wish->mark || wish->mark == config->mark) &&
	    (!wish->table || wish->table == config->table))
		return 0;
	log_error("attach: mark 0x%x and table %u are in use already (detach --all first)",
		  config->mark, config->table);
	return -EBUSY;
}

static int check_conflict(struct session *session, const struct tproxy_config *config)
{
	char text[160];
	int found = route_mark_conflict(&session->nl, config->mask, text, sizeof(text));

	if (!found)
		found = route_table_conflict(&session->nl, config->table, text, sizeof(text));
	if (found > 0)
		log_error("%s (choose others with --mark and --table)", text);
	if (!found) {
		found = route_mark_conflict(&session->nl, config->df_mark, text, sizeof(text));
		if (found > 0)
			log_error("%s, and it is used with mark 0x%x for datagrams that forbid "
				  "fragments (choose another with --mark)",
				  text, config->mark);
	}
	if (found < 0)
		log_error("routing rules: cannot read them: %s", strerror(-found));
	return found > 0 ? -EBUSY : found;
}

/* Two states never share a mark or a table: the one that leaves would take them from the other. */
static int check_others(const struct session *session, const struct tproxy_config *config)
{
	struct living living __cleanup_living = { 0 };
	char text[STATE_PATH_LEN + 32];
	int err = living_read(session->app->pin_dir, &living);

	for (size_t i = 0; i < living.n && !err; i++) {
		const struct living_state *other = &living.items[i];

		living_text(other, text, sizeof(text));
		if (other->config.mask & config->mask)
			log_error("mark 0x%x: %s uses it (choose another with --mark)",
				  config->mark, text);
		else if (other->config.table == config->table)
			log_error("table %u: %s uses it (choose another with --table)",
				  config->table, text);
		else
			continue;
		err = -EBUSY;
	}
	return err;
}

static int create(struct session *session, const struct setup *wish, bool *ret_created)
{
	struct tproxy_config config = {
		.mark = wish->mark ? wish->mark : TPROXY_DEFAULT_MARK,
		.table = wish->table ? wish->table : TPROXY_DEFAULT_TABLE,
	};
	int err;

	config.mask = config.mark;
	config.df_mark = route_df_mark(config.mark);
	err = check_others(session, &config);
	if (!err)
		err = check_conflict(session, &config);
	if (err)
		return err;
	*ret_created = true;
	return steps_create_state(session, &config);
}

int setup_state(struct session *session, const struct setup *wish, bool present,
		bool *ret_created)
{
	int err;

	*ret_created = false;
	if (present)
		err = check_fixed(session, wish);
	else
		err = create(session, wish, ret_created);
	if (!err && present && !wish->keep_build)
		err = steps_replace_build(session);
	if (!err && present)
		err = steps_route_renew(session);
	return err ? err : steps_refresh_local(session);
}
