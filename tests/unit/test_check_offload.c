/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hardware-offload and jit-off, which need a network card or a switch of the whole host: the check
 * sees a flowtable as the kernel gives it out, and the length of a compiled program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libmnl/libmnl.h>
#include <libnftnl/flowtable.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "kernel/netfilter/nft/nft.h"
#include "loader/check/kernel/kernel.h"
#include "loader/check/list.h"

/* As a dump of nf_tables has it. */
static void take_flowtable(struct firewall *fw, const char *device, __u32 flags)
{
	const char *devices[] = { device, NULL };
	struct nftnl_flowtable *flowtable = nftnl_flowtable_alloc();
	struct nft_sets sets = { 0 };
	char buf[4096];
	struct nlmsghdr *msg;

	assert_non_null(flowtable);
	nftnl_flowtable_set_str(flowtable, NFTNL_FLOWTABLE_TABLE, "fw");
	nftnl_flowtable_set_str(flowtable, NFTNL_FLOWTABLE_NAME, "fast");
	nftnl_flowtable_set_u32(flowtable, NFTNL_FLOWTABLE_HOOKNUM, 0);
	nftnl_flowtable_set_u32(flowtable, NFTNL_FLOWTABLE_PRIO, 0);
	nftnl_flowtable_set_u32(flowtable, NFTNL_FLOWTABLE_FLAGS, flags);
	nftnl_flowtable_set_data(flowtable, NFTNL_FLOWTABLE_DEVICES, devices, 0);
	msg = nftnl_nlmsg_build_hdr(buf, NFT_MSG_NEWFLOWTABLE, NFPROTO_INET, 0, 1);
	nftnl_flowtable_nlmsg_build_payload(msg, flowtable);
	assert_int_equal(nft_take(fw, &sets, msg), 0);
	nftnl_flowtable_free(flowtable);
	nft_sets_free(&sets);
}

static size_t problems_with(const char *device, __u32 flags, struct checkup *c)
{
	const struct checked_iface iface = { .device = { .name = "r0" }, .there = true };

	*c = (struct checkup){ .lock = COMMAND_LOCK_NONE };
	c->firewall = calloc(1, sizeof(*c->firewall));
	assert_non_null(c->firewall);
	take_flowtable(c->firewall, device, flags);
	assert_int_equal(c->firewall->n_flowtables, 1);
	check_forwarding_path(c, &iface);
	return c->problems.n;
}

static void test_hardware_offload(void **unused)
{
	struct checkup c __cleanup_checkup = { .lock = COMMAND_LOCK_NONE };

	assert_int_equal(problems_with("r0", NFT_FLOWTABLE_HW_OFFLOAD, &c), 1);
	assert_string_equal(c.problems.items[0].id, "hardware-offload");
	assert_string_equal(c.problems.items[0].ifname, "r0");
	assert_non_null(strstr(c.problems.items[0].text, "flowtable fast of table fw"));
}

static void test_other_flowtables(void **unused)
{
	struct checkup c __cleanup_checkup = { .lock = COMMAND_LOCK_NONE };

	assert_int_equal(problems_with("r0", 0, &c), 0);
	checkup_close(&c);
	assert_int_equal(problems_with("r1", NFT_FLOWTABLE_HW_OFFLOAD, &c), 0);
}

static void test_jit(void **unused)
{
	struct checkup c __cleanup_checkup = { .lock = COMMAND_LOCK_NONE };

	kernel_judge_jit(&c, 64);
	assert_int_equal(c.problems.n, 0);
	assert_string_equal(c.evidence, "JIT");
	kernel_judge_jit(&c, 0);
	assert_int_equal(c.problems.n, 1);
	assert_string_equal(c.problems.items[0].id, "jit-off");
	assert_int_equal(c.problems.items[0].verdict, VERDICT_DEGRADED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hardware_offload),
		cmocka_unit_test(test_other_flowtables),
		cmocka_unit_test(test_jit),
	};

	return cmocka_run_group_tests_name("check_offload", tests, NULL, NULL);
}
