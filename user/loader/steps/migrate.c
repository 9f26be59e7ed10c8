/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/migrate.h"

#include <string.h>

#include "kernel/maps/generation.h"
#include "kernel/migrate/migrate.h"
#include "loader/steps/confirm_guard.h"
#include "loader/steps/routing/steps_route.h"
#include "loader/steps/steps.h"

/*
 * The second bit of the mark, which came with ABI 2. 0 if another program uses it: datagrams that
 * forbid fragments are then not marked.
 */
static __u32 free_df_mark(struct session *session)
{
	__u32 bit = tproxy_df_mark(session->state.config.mark);
	char text[160];
	int found;

	if (session->state.config.abi >= 2)
		return session->state.config.df_mark;
	found = route_mark_conflict(&session->nl, bit, text, sizeof(text));

	if (found > 0)
		log_warn("%s: \"don't fragment\" of UDP is not carried (detach --all, then attach "
			 "with another --mark)",
			 text);
	return found ? 0 : bit;
}

/*
 * Adds missing rules and routes. A failure is reported and no reason to keep the old ABI. The
 * process that waits for the flows of a draining interface can no longer read the state.
 */
static void check_ifaces(struct session *session)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;

	if (policy_maps_ifaces(&session->state, &ifaces, &n))
		return;
	for (size_t i = 0; i < n; i++) {
		const char *name = (const char *)ifaces[i].value.name;
		struct device device;

		if (ifaces[i].value.roles & TPROXY_ROLE_DRAINING)
			log_warn("%s: no process waits for its last flow any more (tproxy-loader "
				 "detach --keep-flows %s)",
				 name, name);
		if (!device_by_index(&session->nl, (int)ifaces[i].ifindex, &device))
			steps_route_on(session, &device);
	}
}

static void report_losses(const struct session *session, const struct migration *m)
{
	const char *dir = session->state.dir;

	if (!m->kept_flows)
		log_warn("%s: it is no longer known which TCP flows the proxy has (CAP_SYS_ADMIN "
			 "is needed to keep that)",
			 dir);
	if (!m->kept_idle)
		log_warn("%s: the previous policy was dropped: there is no rollback", dir);
}

/* Until the new state is published the old programs can be put back. */
static int move_over(struct session *session, struct migration *m)
{
	struct state *state = &session->state;
	int err = policy_maps_refresh_local(&m->next, &session->nl);

	if (!err)
		err = steps_move_programs(&session->nl, state, &m->next);
	if (!err)
		err = migrate_publish(m);
	if (err)
		steps_move_programs(&session->nl, &m->next, state);
	return err;
}

int migrate_state(struct session *session)
{
	struct migration m __cleanup_migration = MIGRATION_NONE;
	struct state *state = &session->state;
	int err;

	log_step("migrate %s from ABI %u to %u, programs in place", state->dir, state->config.abi,
		 TPROXY_ABI);
	err = generation_repair_pins(state);
	if (!err)
		err = migrate_prepare(&m, state, free_df_mark(session));
	if (!err)
		err = move_over(session, &m);
	if (err == -EUCLEAN) {
		log_error("%s", m.why);
		return err;
	}
	if (err) {
		log_error("%s: cannot migrate it from ABI %u: %s (it continues to work unchanged; "
			  "-vv shows more)",
			  session->app->pin_dir, state->config.abi, strerror(-err));
		return err;
	}
	report_losses(session, &m);
	check_ifaces(session);
	confirm_guard_resume(session);
	return 0;
}
