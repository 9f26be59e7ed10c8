/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/own/test_own.h"

#include <string.h>
#include <unistd.h>

#include "loader/check/checks.h"
#include "loader/check/list.h"
#include "loader/check/tools/listening.h"
#include "loader/own/own_flow.h"
#include "loader/show/test_answer.h"

/* All checks of own traffic: those that take longer look at what is in its way. */
static int check_own(struct session *session, const struct simulated_flow *flow,
		     struct test_answer *answer)
{
	const __u8 cls = (__u8)(1 << listening_class(flow->proto, flow->dst.family));
	struct checkup c __cleanup_checkup = { 0 };
	int err = checkup_open(&c, session);

	if (err) {
		log_error("%s: cannot read the maps: %s", session->state.dir, strerror(-err));
		return EXIT_FAILED;
	}
	checks_run(&c, answer->ifname, CHECKS_QUICK);
	check_own_filters(&c);
	check_own_tokens(&c);
	test_answer_take(answer, &c.problems, cls);
	return EXIT_DONE;
}

int test_own(struct session *session, const struct simulated_flow *flow, const struct rule *sender,
	     const struct config *config)
{
	struct test_answer answer __cleanup_answer = { .policy_only = config != NULL,
						       .ifname = "lo",
						       .own = true };
	const struct owner_set *named = sender->owners;
	const bool is_this = !named[TPROXY_OWNER_UID].n && !named[TPROXY_OWNER_GID].n &&
			     !named[TPROXY_OWNER_CGROUP].n;
	struct own_sender found;
	const struct own_flow own = { flow, &found, is_this ? getpid() : 0, config };
	struct own_decision decision;
	int code = EXIT_DONE, err = own_sender_find(sender, &found);

	if (err) {
		log_error("test: cannot find the cgroup: %s", strerror(-err));
		return EXIT_FAILED;
	}
	if (own_flow_decide(session, &own, &decision))
		return EXIT_FAILED;
	answer.simulation = decision.result;
	answer.rule = decision.rule;
	answer.reason = decision.reason;
	answer.attached = decision.attached;
	if (!config && answer.attached)
		code = check_own(session, flow, &answer);
	return code ? code : test_answer_print(&answer, session->app->json);
}
