/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/reset_flows.h"

#include <string.h>

#include "kernel/flows/proxied.h"
#include "kernel/routing/route.h"

struct tally {
	size_t reset, stuck;
	int why; /* -errno of the last stuck one */
};

static bool leaves_by(struct session *session, const struct foreign_flow *flow, int ifindex)
{
	return route_output(&session->nl, flow->family, flow->id.idiag_dst) == ifindex;
}

static void reset(struct nl *diag, const struct foreign_flow *flow, struct tally *tally)
{
	int err = sockdiag_destroy(diag, flow);

	if (err) {
		tally->stuck++;
		tally->why = err;
	} else if (sockdiag_is_alive(flow)) {
		tally->reset++;
	}
}

static void report(const struct tally *tally, const char *ifname)
{
	if (tally->reset)
		log_step("%s: reset %zu relayed flow%s (--keep-flows lets them end)", ifname,
			 tally->reset, tally->reset == 1 ? "" : "s");
	if (tally->stuck)
		log_warn("%s: %zu sockets of relayed flows cannot be closed (%s): clients that use "
			 "the same port again wait until they time out",
			 ifname, tally->stuck, strerror(-tally->why));
}

static int list_proxied(struct session *session, struct foreign_flow **ret_flows, size_t *ret_n)
{
	struct foreign_flow *flows = NULL;
	size_t n = 0, kept = 0;
	int err = sockdiag_list_foreign(&session->nl, &flows, &n);

	if (err)
		return err;
	err = proxied_find(&session->state, flows, n);
	if (err)
		log_debug("flows: cannot find the owners of all: %s", strerror(-err));
	for (size_t i = 0; i < n; i++)
		if (flows[i].proxied)
			flows[kept++] = flows[i];
	*ret_flows = flows;
	*ret_n = kept;
	return 0;
}

void reset_flows(struct session *session, int ifindex, const char *ifname)
{
	__cleanup_free struct foreign_flow *flows = NULL;
	struct nl diag __cleanup_nl = { 0 };
	struct tally tally = { 0 };
	size_t n = 0;
	int err;

	if (session->dry_run)
		return;
	err = list_proxied(session, &flows, &n);
	if (!err)
		err = sockdiag_open(&diag);
	if (err) {
		log_debug("%s: cannot list flows: %s", ifname, strerror(-err));
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (leaves_by(session, &flows[i], ifindex))
			reset(&diag, &flows[i], &tally);
	report(&tally, ifname);
}

int reset_flows_count(struct session *session, size_t *ret_alive)
{
	__cleanup_free struct foreign_flow *flows = NULL;
	size_t n = 0, alive = 0;
	int err = list_proxied(session, &flows, &n);

	if (err) {
		log_error("flows: cannot list them: %s (detach without --keep-flows)",
			  strerror(-err));
		return err;
	}
	for (size_t i = 0; i < n; i++)
		alive += sockdiag_is_alive(&flows[i]);
	*ret_alive = alive;
	return 0;
}
