// SPDX-License-Identifier: BSD-2-Clause
/* trace: verdicts and causes of events. */
#include <arpa/inet.h>
#include <errno.h>
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
#define OWN_BIT 0x4000000
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

static enum trace_verdict of_own(int result, __u32 mark_in, __u64 counters, __u64 cookie)
{
	const struct trace_event e = { .kind = TRACE_OWN,
				       .result = result,
				       .mark_in = mark_in,
				       .counters = counters,
				       .cookie = cookie };

	return trace_verdict(&e, MASK);
}

static void own_packets(void **state)
{
	assert_int_equal(of_own(-1, OWN_BIT, BIT(STEERED), 7), TRACE_STEER);
	assert_int_equal(of_own(-1, 0, BIT(TIME_WAIT), 0), TRACE_STEER);
	assert_int_equal(of_own(-1, OWN_BIT, BIT(OWNED), 0), TRACE_KEEP);
	/* the listener answers with RST */
	assert_int_equal(of_own(-1, OWN_BIT, 0, 0), TRACE_KEEP);
	assert_int_equal(of_own(7, OWN_BIT, BIT(OWN_STALE), 0), TRACE_LEFT_ALONE);
	assert_int_equal(of_own(-1, OWN_BIT, BIT(OWN_STALE), 0), TRACE_LEFT_ALONE);
	assert_int_equal(of_own(7, 0, BIT(UNROUTED), 0), TRACE_LEFT_ALONE);
	assert_int_equal(of_own(7, OWN_BIT, BIT(DOWN_PASS), 0), TRACE_PASS);
	assert_int_equal(of_own(7, OWN_BIT, BIT(RULE_RESET), 0), TRACE_REFUSE);
	assert_int_equal(of_own(7, OWN_BIT, BIT(LATE), 0), TRACE_REFUSE);
	assert_int_equal(of_own(2, 0, BIT(DOWN_DROP), 0), TRACE_SHOT);
	/* somebody sent to an address that stands for nothing */
	assert_int_equal(of_own(-1, 0, 0, 0), TRACE_LEFT_ALONE);
}

static enum trace_verdict of_call(int result, __u64 counters, enum trace_call_why why)
{
	const struct trace_call c = { .event = { .kind = TRACE_CALL, .counters = counters },
				      .result = result,
				      .why = (__u8)why };

	return trace_verdict(&c.event, MASK);
}

static void calls(void **state)
{
	assert_int_equal(of_call(1, BIT(OWN_FLOW), 0), TRACE_STEER);
	assert_int_equal(of_call(0, BIT(RULE_PASS), 0), TRACE_PASS);
	assert_int_equal(of_call(0, BIT(DOWN_PASS) | BIT(OWN_FULL), 0), TRACE_PASS);
	assert_int_equal(of_call(0, BIT(RULE_AUDIT), 0), TRACE_AUDIT);
	assert_int_equal(of_call(0, BIT(OWN_DEVICE), 0), TRACE_LEFT_ALONE);
	assert_int_equal(of_call(0, 0, TRACE_WHY_CGROUP), TRACE_LEFT_ALONE);
	assert_int_equal(of_call(-EPERM, BIT(RULE_DROP), 0), TRACE_SHOT);
	assert_int_equal(of_call(-ECONNREFUSED, BIT(DOWN_DROP), 0), TRACE_REFUSE);
	assert_int_equal(of_call(-ENOMEM, 0, 0), TRACE_REFUSE);
}

/* Each reason has a name and a text; a number of a newer build has none. */
static void reasons_of_calls(void **state)
{
	struct trace_call c = { .event = { .counters = BIT(OWN_FULL) | BIT(DOWN_DROP) } };

	assert_null(cause_call_reason(TRACE_WHY_COUNTED));
	assert_string_equal(cause_of_call(&c).id, "own-tokens-full");
	for (__u8 why = TRACE_WHY_COUNTED + 1; why < TRACE_WHY_MAX; why++) {
		c.why = why;
		assert_non_null(cause_call_reason(why));
		assert_non_null(cause_of_call(&c).text);
	}
	assert_null(cause_call_reason(TRACE_WHY_MAX));
	c = (struct trace_call){ .why = 0xff };
	assert_null(cause_of_call(&c).text);
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
		cmocka_unit_test(packets),          cmocka_unit_test(lookups_and_drops),
		cmocka_unit_test(own_packets),      cmocka_unit_test(calls),
		cmocka_unit_test(reasons_of_calls), cmocka_unit_test(signatures),
		cmocka_unit_test(counters),         cmocka_unit_test(counters_are_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
