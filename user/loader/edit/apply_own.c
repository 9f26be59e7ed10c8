/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/edit/apply_own.h"

#include "loader/steps/iface.h"
#include "loader/steps/own/own.h"

static int turn_on(struct session *session, const struct config *config)
{
	const struct own_want want = { .mark = config->own_mark,
				       .table = config->own_table,
				       .has_bound = true,
				       .deny_bound = config->own_bound == CONFIG_OWN_DENY,
				       .exclude = &config->own_exclude,
				       .has_proxy_mark = true,
				       .proxy_mark = config->own_proxy_mark };
	const bool before = own_is_there(session);
	unsigned int changed;
	int err = own_on(session, &want, &changed);

	if (err && !before && !session->dry_run)
		iface_own_off(session);
	return err;
}

static int turn_off(struct session *session, bool waits)
{
	if (!own_is_there(session))
		return 0;
	if (!waits)
		return iface_own_off(session);
	log_info("own traffic: stays attached until the policy is confirmed (then tproxy-loader "
		 "detach --local)");
	return 0;
}

int apply_own(struct session *session, const struct config *config, bool waits)
{
	if (config->local)
		return turn_on(session, config);
	return config->has_local ? turn_off(session, waits) : 0;
}

int apply_own_missing(struct session *session, const struct config *config)
{
	return config->local && !own_is_there(session) ? turn_on(session, config) : 0;
}
