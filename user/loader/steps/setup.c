/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/setup.h"

#include "loader/steps/routing/conflict.h"
#include "loader/steps/routing/steps_route.h"

/* Mark and table are fixed while a state exists: rules and the config map have them. */
static int check_fixed(const struct session *session, const struct setup *want)
{
	const struct tproxy_config *config = &session->state.config;

	if ((!want->mark || want->mark == config->mark) &&
	    (!want->table || want->table == config->table))
		return 0;
	log_error("attach: mark 0x%x and table %u are in use already (detach --all first)",
		  config->mark, config->table);
	return -EBUSY;
}

static int create(struct session *session, const struct setup *want, bool *ret_created)
{
	struct tproxy_config config = {
		.mark = want->mark ? want->mark : TPROXY_DEFAULT_MARK,
		.table = want->table ? want->table : TPROXY_DEFAULT_TABLE,
	};
	int err;

	config.mask = config.mark;
	config.df_mark = tproxy_df_mark(config.mark);
	err = conflict_check(session, &config);
	if (err)
		return err;
	*ret_created = true;
	return steps_create_state(session, &config);
}

int setup_state(struct session *session, const struct setup *want, bool present, bool *ret_created)
{
	int err;

	*ret_created = false;
	if (present)
		err = check_fixed(session, want);
	else
		err = create(session, want, ret_created);
	if (!err && present && !want->keep_build)
		err = steps_replace_build(session);
	if (!err && present)
		err = steps_route_renew(session);
	return err ? err : steps_refresh_local(session);
}
