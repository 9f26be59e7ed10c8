/* SPDX-License-Identifier: BSD-2-Clause */
/* What `test` answers: as text or as JSON, and as an exit code. */
#ifndef TPROXY_LOADER_SHOW_TEST_ANSWER_H
#define TPROXY_LOADER_SHOW_TEST_ANSWER_H

#include "kernel/probe/simulate.h"
#include "loader/app/app.h"
#include "loader/app/problem.h"
#include "loader/show/own_reason.h"
#include "policy/policy.h"

struct test_answer {
	const char *ifname;
	bool policy_only; /* a file was asked: nothing about what is attached */
	bool attached;    /* the interface is */
	bool own;         /* this host sends it: */
	enum own_reason reason;
	struct simulate_result simulation;
	/*
	 * The deciding one, if simulation.rule >= 0; its sets are empty. Of OWN_REASON_OWNER and
	 * others: the one that would take it.
	 */
	struct rule rule;
	struct problems problems; /* those that concern the flow; owned */
};

/*
 * Takes the problems that concern the flow; *all is empty then. cls: enum tproxy_class, as a bit.
 */
void test_answer_take(struct test_answer *answer, struct problems *all, __u8 cls);

/* Prints it. Returns an enum exit_code. */
int test_answer_print(const struct test_answer *answer, bool json);
void test_answer_free(struct test_answer *answer);
#define __cleanup_answer __attribute__((cleanup(test_answer_free)))

#endif
