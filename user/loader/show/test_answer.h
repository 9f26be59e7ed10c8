/* SPDX-License-Identifier: BSD-2-Clause */
/* What `test` answers: as text or as JSON, and as an exit code. */
#ifndef TPROXY_LOADER_SHOW_TEST_ANSWER_H
#define TPROXY_LOADER_SHOW_TEST_ANSWER_H

#include "policy/policy.h"
#include "kernel/probe/simulate.h"
#include "loader/app/app.h"
#include "loader/app/problem.h"

struct test_answer {
	const char *ifname;
	bool policy_only; /* a file was asked: nothing is said of what is attached */
	bool attached;    /* the interface is */
	struct simulate_result simulation;
	struct rule rule;         /* that decided, if trial.rule >= 0; its sets are empty */
	struct problems problems; /* that concern the flow; owned */
};

/* Prints it. Returns an enum exit_code. */
int test_answer_tell(const struct test_answer *answer, bool json);
void test_answer_free(struct test_answer *answer);
#define __cleanup_answer __attribute__((cleanup(test_answer_free)))

#endif
