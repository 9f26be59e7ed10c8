/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of packet filters, from rule sets that the kernel gave out: recorded/nft.hex has the
 * messages of nf_tables, of nft and iptables-nft; the others have tables of iptables-legacy, after
 * the hooks and offsets of struct ipt_getinfo. Damaged tables are no harm
 * (those of nf_tables are libnftnl's matter).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <sys/resource.h>

#include "kernel/netfilter/nft/nft.h"
#include "kernel/netfilter/text.h"
#include "kernel/netfilter/walk.h"
#include "kernel/netfilter/xt/legacy.h"

#define RECORDS "tests/unit/recorded/"
#define MUTATIONS 20000

struct record {
	__u8 *bytes;
	size_t n;
};

static struct record load(const char *name)
{
	struct record record = { calloc(1, 65536), 0 };
	char path[128];
	unsigned int byte;
	FILE *file;

	snprintf(path, sizeof(path), RECORDS "%s", name);
	file = fopen(path, "re");
	if (!file)
		skip();
	while (record.n < 65536 && fscanf(file, "%2x", &byte) == 1)
		record.bytes[record.n++] = (__u8)byte;
	fclose(file);
	assert_true(record.n > 100);
	return record;
}

/* ---- nf_tables ---------------------------------------------------------- */

static void take_all(struct firewall *fw, const struct record *record)
{
	const struct nlmsghdr *msg = (const void *)record->bytes;
	struct nft_sets sets = { 0 };
	int left = (int)record->n;
	bool rules = false;

	for (; mnl_nlmsg_ok(msg, left); msg = mnl_nlmsg_next(msg, &left)) {
		if (!rules && (msg->nlmsg_type & 0xff) == NFT_MSG_NEWRULE) {
			nft_sets_finish(&sets);
			rules = true;
		}
		nft_take(fw, &sets, msg);
	}
	nft_sets_free(&sets);
}

static void first_packet(struct fw_packet *packet, __u8 family, __u8 protocol, __u16 port)
{
	const __be16 wire = htons(port);

	fw_packet_init(packet, family);
	fw_packet_set(packet, FW_PROTO, &protocol, 1);
	fw_packet_set(packet, FW_DPORT, &wire, sizeof(wire));
	fw_packet_device(packet, FW_IIF, "r0");
	fw_packet_bits(packet, FW_CTSTATE, FW_STATE_NEW, ~0u);
	fw_packet_bits(packet, FW_CTMARK, 0, ~0u);
	fw_packet_bits(packet, FW_MARK, 0, ~0u);
}

static struct fw_walk walk(const struct firewall *fw, enum fw_hook hook,
			   const struct fw_packet *packet)
{
	struct fw_walk w;

	fw_walk_init(&w, fw, packet);
	fw_walk_hook(&w, hook);
	return w;
}

static void test_nft_input(void **unused)
{
	struct record record = load("nft.hex");
	struct firewall fw __cleanup_firewall = { 0 };
	struct fw_packet packet;
	char text[FW_TEXT_LEN];
	struct fw_walk w;
	__u8 to[4] = { 10, 1, 2, 3 };

	take_all(&fw, &record);
	assert_false(fw.incomplete);
	first_packet(&packet, AF_INET, IPPROTO_TCP, 85);
	assert_int_equal(walk(&fw, FW_INPUT, &packet).dropped, FW_NEVER);
	first_packet(&packet, AF_INET, IPPROTO_TCP, 91);
	fw_packet_bits(&packet, FW_MARK, 0x1000000, ~0u);
	fw_packet_set(&packet, FW_DADDR, to, sizeof(to));
	w = walk(&fw, FW_INPUT, &packet);
	assert_int_equal(w.dropped, FW_ALL);
	assert_string_equal(fw_chain_text(w.chain, text), "nft chain inet fw input");
	assert_int_equal(w.rule->number, 5);
	to[0] = 11;
	fw_packet_set(&packet, FW_DADDR, to, sizeof(to));
	assert_int_equal(walk(&fw, FW_INPUT, &packet).dropped, FW_NEVER);
	fw_packet_bits(&packet, FW_MARK, 0, ~0u);
	w = walk(&fw, FW_INPUT, &packet);
	assert_int_equal(w.dropped, FW_SOME); /* by the limit, or by the policy */
	free(record.bytes);
}

static void test_nft_marks(void **unused)
{
	struct record record = load("nft.hex");
	struct firewall fw __cleanup_firewall = { 0 };
	struct fw_packet packet;
	const __u8 yes = 1;
	struct fw_walk w;

	take_all(&fw, &record);
	first_packet(&packet, AF_INET, IPPROTO_TCP, 443);
	fw_packet_bits(&packet, FW_MARK, 0x1000000, ~0u);
	w = walk(&fw, FW_PREROUTING, &packet);
	assert_int_equal(fw_known_bits(&w.packet, FW_MARK), 0xfeffffff);
	assert_int_equal(fw_known_value(&w.packet, FW_MARK), 1);
	fw_packet_set(&packet, FW_TRANSPARENT, &yes, 1);
	w = walk(&fw, FW_PREROUTING, &packet);
	assert_int_equal(fw_known_bits(&w.packet, FW_MARK), 0xffffffff);
	assert_int_equal(fw_known_value(&w.packet, FW_MARK), 0x1000001);
	/* of another interface nothing is restored from connection tracking */
	fw_packet_device(&packet, FW_IIF, "r1");
	w = walk(&fw, FW_PREROUTING, &packet);
	assert_int_equal(fw_known_value(&w.packet, FW_MARK), 0x1000001);
	free(record.bytes);
}

/* ---- the older iptables ------------------------------------------------- */

#define INFO (11 * sizeof(__u32))

static int parse(struct firewall *fw, const struct record *record, __u8 family, const char *name)
{
	struct legacy_table table = { .family = family, .name = name };

	assert_true(record->n >= INFO);
	memcpy(&table.hooks, record->bytes, sizeof(__u32));
	memcpy(table.entry, record->bytes + 4, sizeof(table.entry));
	memcpy(table.underflow, record->bytes + 24, sizeof(table.underflow));
	table.entries = record->bytes + INFO;
	table.size = record->n - INFO;
	return legacy_parse(fw, &table);
}

static void check_legacy_filter(const char *name, __u8 protocol, __u8 family)
{
	struct record record = load(name);
	struct firewall fw __cleanup_firewall = { 0 };
	struct fw_packet packet;
	struct fw_walk w;

	assert_int_equal(parse(&fw, &record, protocol, "filter"), 0);
	first_packet(&packet, family, IPPROTO_TCP, 80);
	w = walk(&fw, FW_INPUT, &packet);
	assert_int_equal(w.dropped, FW_ALL);
	assert_string_equal(w.chain->name, "sub");
	fw_packet_bits(&packet, FW_CTSTATE, FW_STATE_ESTABLISHED, ~0u);
	w = walk(&fw, FW_INPUT, &packet);
	assert_int_equal(w.dropped, FW_ALL); /* goto does not come back: the policy */
	assert_null(w.rule);
	assert_string_equal(w.chain->name, "INPUT");
	fw_packet_device(&packet, FW_IIF, "eth0");
	assert_int_equal(walk(&fw, FW_INPUT, &packet).dropped, FW_NEVER);
	free(record.bytes);
}

static void test_legacy_filter(void **unused)
{
	check_legacy_filter("legacy-filter.hex", NFPROTO_IPV4, AF_INET);
	check_legacy_filter("legacy-filter6.hex", NFPROTO_IPV6, AF_INET6);
}

static void test_legacy_marks(void **unused)
{
	struct record record = load("legacy-mangle.hex");
	struct firewall fw __cleanup_firewall = { 0 };
	struct fw_packet packet;
	struct fw_walk w;

	assert_int_equal(parse(&fw, &record, NFPROTO_IPV4, "mangle"), 0);
	first_packet(&packet, AF_INET, IPPROTO_TCP, 1500);
	fw_packet_bits(&packet, FW_MARK, 0x10000f0, ~0u);
	w = walk(&fw, FW_PREROUTING, &packet);
	assert_int_equal(fw_known_value(&w.packet, FW_MARK), 0x1000001);
	first_packet(&packet, AF_INET, IPPROTO_UDP, 53);
	fw_packet_bits(&packet, FW_MARK, 0x1000000, ~0u);
	w = walk(&fw, FW_PREROUTING, &packet);
	assert_int_equal(fw_known_value(&w.packet, FW_MARK), 0);
	free(record.bytes);
}

/* ---- damage ------------------------------------------------------------- */

static void walk_all(const struct firewall *fw)
{
	struct fw_packet packet;

	first_packet(&packet, AF_INET, IPPROTO_TCP, 80);
	for (enum fw_hook hook = 0; hook < FW_HOOK_MAX; hook++)
		walk(fw, hook, &packet);
}

static void test_damaged_tables(void **unused)
{
	static const char *const names[] = { "legacy-filter.hex", "legacy-filter6.hex", "nft.hex" };

	srandom(1);
	for (int i = 0; i < MUTATIONS; i++) {
		struct record record = load(names[i % 2]);
		struct firewall fw __cleanup_firewall = { 0 };

		for (int j = 0; j < 1 + i % 8; j++)
			record.bytes[(size_t)random() % record.n] = (__u8)random();
		if (i % 5 == 0)
			record.n = INFO + (size_t)random() % (record.n - INFO);
		/* as large as it is: reads beyond its end are seen by sanitizers */
		record.bytes = realloc(record.bytes, record.n);
		parse(&fw, &record, i % 2 ? NFPROTO_IPV6 : NFPROTO_IPV4, "filter");
		walk_all(&fw);
		free(record.bytes);
	}
}

static void test_entry_between_units(void **unused)
{
	struct record record = load("legacy-filter.hex");
	struct firewall fw __cleanup_firewall = { 0 };
	__u16 next;

	memcpy(&next, record.bytes + INFO + 90, sizeof(next));
	next += 4;
	memcpy(record.bytes + INFO + 90, &next, sizeof(next));
	assert_int_equal(parse(&fw, &record, NFPROTO_IPV4, "filter"), -EBADMSG);
	free(record.bytes);
}

static long peak_kib(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

static void test_memory_of_large_table(void **unused)
{
	struct record record = { calloc(1, 16 << 20), 16 << 20 };
	struct firewall fw __cleanup_firewall = { 0 };
	const long before = peak_kib();

	assert_non_null(record.bytes);
	assert_int_equal(parse(&fw, &record, NFPROTO_IPV4, "filter"), -EBADMSG);
	assert_true(peak_kib() - before < 16 << 10);
	free(record.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nft_input),
		cmocka_unit_test(test_nft_marks),
		cmocka_unit_test(test_legacy_filter),
		cmocka_unit_test(test_legacy_marks),
		cmocka_unit_test(test_damaged_tables),
		cmocka_unit_test(test_entry_between_units),
		cmocka_unit_test(test_memory_of_large_table),
	};

	return cmocka_run_group_tests_name("firewall", tests, NULL, NULL);
}
