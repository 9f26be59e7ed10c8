/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/setup.h"

#include "loader/steps/rivals.h"

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

static int create(struct session *session, const struct setup *wish, bool *ret_created)
{
	struct tproxy_config config = {
		.mark = wish->mark ? wish->mark : TPROXY_DEFAULT_MARK,
		.table = wish->table ? wish->table : TPROXY_DEFAULT_TABLE,
	};
	int err;

	config.mask = config.mark;
	config.df_mark = route_df_mark(config.mark);
	err = rivals_check(session, &config);
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
