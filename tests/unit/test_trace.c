// SPDX-License-Identifier: BSD-2-Clause
/* trace: verdicts and causes of events. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "loader/check/kinds.h"
#include "loader/trace/cause.h"
#include "loader/trace/verdict.h"
#include "tproxy.h"

#define MASK 0x1000000
#define BIT(counter) (1ULL << TPROXY_COUNT_##counter)

static enum trace_verdict of(int result, __u32 mark, __u64 counters, __u64 cookie)
{
	const struct trace_event e = { .kind = TRACE_PACKET,
				       .result = result,
				       .mark_out = mark,
				       .counters = counters,
				       .cookie = cookie };

	return trace_verdict(&e, MASK);
}

static void packets(void **state)
{
	assert_int_equal(of(-1, MASK, BIT(STEERED), 7), TRACE_STEER);
	assert_int_equal(of(-1, MASK, BIT(TIME_WAIT), 0), TRACE_STEER);
	assert_int_equal(of(-1, MASK | 5, BIT(OWNED), 0), TRACE_KEEP);
	assert_int_equal(of(-1, MASK, BIT(ICMP_OWNED), 0), TRACE_KEEP);
	assert_int_equal(of(2, 0, BIT(RULE_DROP), 0), TRACE_SHOT);
	assert_int_equal(of(2, 0, BIT(FRAG_DROP), 0), TRACE_SHOT);
	assert_int_equal(of(7, 0, BIT(DOWN_RESET), 0), TRACE_REFUSE);
	assert_int_equal(of(-1, 0, BIT(RULE_PASS), 0), TRACE_PASS);
	assert_int_equal(of(-1, 0, BIT(RULE_AUDIT), 0), TRACE_AUDIT);
	assert_int_equal(of(-1, 0, BIT(DOWN_PASS), 0), TRACE_PASS);
	assert_int_equal(of(-1, 0, BIT(HIDDEN), 0), TRACE_PASS);
	assert_int_equal(of(-1, 0, BIT(UNROUTED), 0), TRACE_LEFT_ALONE);
	assert_int_equal(of(-1, 5, 0, 0), TRACE_LEFT_ALONE);
}

static void lookups_and_drops(void **state)
{
	struct trace_event e = { .kind = TRACE_LOOKUP, .result = 1 };

	assert_int_equal(trace_verdict(&e, MASK), TRACE_STEER);
	e.result = 0;
	assert_int_equal(trace_verdict(&e, MASK), TRACE_REFUSE);
	e.kind = TRACE_DROP;
	assert_int_equal(trace_verdict(&e, MASK), TRACE_KERNEL_DROP);
}

static void assert_problem(const char *reason, const char *function, bool marked, bool assigned,
			   const char *id)
{
	const struct drop_site site = {
		.reason = reason, .function = function, .marked = marked, .assigned = assigned
	};
	const struct cause cause = cause_of_drop(&site);

	assert_non_null(cause.text);
	assert_string_equal(cause.id, id);
	assert_non_null(kind_find(id));
}

/* `doctor --explain` knows each id that a trace shows. */
static void counters_are_explained(void **state)
{
	for (int i = 0; i < TPROXY_COUNT_MAX; i++) {
		const struct cause cause = cause_of_counters(1ULL << i);

		if (cause.id && !kind_find(cause.id))
			fail_msg("doctor does not explain %s", cause.id);
	}
}

static void signatures(void **state)
{
	const struct drop_site unknown = { .reason = "", .function = "" };
	const struct drop_site answer = { .reason = "NETFILTER_DROP",
					  .function = "nft_do_chain",
					  .answer = true };

	assert_problem("NOT_SPECIFIED", "ip_forward", true, true, "rule-missing");
	assert_problem("NOT_SPECIFIED", "ip6_forward", true, false, "rule-missing");
	assert_problem("NOT_SPECIFIED", "ip_forward", false, true, "mark-lost");
	assert_problem("NOT_SPECIFIED", "ip6_forward_finish", false, true, "mark-lost");
	assert_problem("IP_LOCAL_SOURCE", "ip_rcv_finish_core", true, true, "src-valid-mark");
	assert_problem("NOT_SPECIFIED", "ip_rcv_finish_core", true, true, "src-valid-mark");
	assert_problem("IP_RPFILTER", "ip_rcv_finish_core", true, true, "rp-filter");
	assert_problem("NETFILTER_DROP", "nft_do_chain", true, true, "input-filter");
	assert_problem("NO_SOCKET", "tcp_v4_rcv", true, false, "no-listener");
	assert_string_equal(cause_of_drop(&answer).id, "output-filter");
	assert_null(cause_of_drop(&unknown).text);
	assert_null(cause_of_drop(&unknown).id);
}

static void counters(void **state)
{
	assert_string_equal(cause_of_counters(BIT(DOWN_DROP)).id, "no-listener");
	assert_string_equal(cause_of_counters(BIT(DOWN_RESET) | BIT(LOOP)).id, "no-listener");
	assert_non_null(cause_of_counters(BIT(LOCAL_DST)).text);
	assert_null(cause_of_counters(BIT(STEERED)).text);
	assert_null(cause_of_counters(0).text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets),
		cmocka_unit_test(lookups_and_drops),
		cmocka_unit_test(signatures),
		cmocka_unit_test(counters),
		cmocka_unit_test(counters_are_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
