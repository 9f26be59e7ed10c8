/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Learning UDP flows: packets and ctnetlink messages, valid and broken ones, and the set of flows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "flow_key.h"
#include "kernel/flows/capture.h"
#include "kernel/flows/conntrack.h"
#include "kernel/flows/flowset.h"
#include "random_policy.h"

/* ---- packets ------------------------------------------------------------ */

static const __u8 ipv4[] = {
	0x45, 0,    0, 32, 0,   1,  0x40, 0, 64,  17,  0,   0,
	192,  0,    2, 1,  198, 51, 100,  2, /* header */
	0x10, 0x01, 0, 53, 0,   12, 0,    0, 'd', 'a', 't', 'a',
};

static const __u8 ipv6[] = {
	0x60, 0, 0,   0,    0,    8,    17, 64, 0x20, 1, 0xd, 0xb8,
	0,    0, 0,   0,    0,    0,    0,  0,  0,    0, 0,   1, /* source */
	0x20, 1, 0xd, 0xb8, 0,    0,    0,  0,  0,    0, 0,   0,
	0,    0, 0,   2,    0x10, 0x01, 0,  53, 0,    8, 0,   0,
};

static void expect_packet(__u16 protocol, const __u8 *data, size_t len,
			  const struct tproxy_flow_key *expected)
{
	struct tproxy_flow_key key = { 0 };

	assert_int_equal(capture_parse(protocol, data, len, &key), expected != NULL);
	if (expected)
		assert_memory_equal(&key, expected, sizeof(key));
}

static void test_packets(void **unused)
{
	const struct tproxy_flow_key v4 = key_of(AF_INET, "192.0.2.1", "198.51.100.2");
	const struct tproxy_flow_key v6 = key_of(AF_INET6, "2001:db8::1", "2001:db8::2");

	expect_packet(ETH_P_IP, ipv4, sizeof(ipv4), &v4);
	expect_packet(ETH_P_IPV6, ipv6, sizeof(ipv6), &v6);
	expect_packet(ETH_P_IPV6, ipv4, sizeof(ipv4), NULL);
	expect_packet(ETH_P_IP, ipv6, sizeof(ipv6), NULL);
	expect_packet(ETH_P_ARP, ipv4, sizeof(ipv4), NULL);
}

static void test_ipv4_oddities(void **unused)
{
	const struct tproxy_flow_key v4 = key_of(AF_INET, "192.0.2.1", "198.51.100.2");
	__u8 p[64] = { 0 };

	memcpy(p, ipv4, sizeof(ipv4));
	p[6] = 0x20; /* a first fragment has its ports */
	expect_packet(ETH_P_IP, p, sizeof(ipv4), &v4);
	p[7] = 1; /* a later one has not */
	expect_packet(ETH_P_IP, p, sizeof(ipv4), NULL);
	memcpy(p, ipv4, sizeof(ipv4));
	p[9] = 6;
	expect_packet(ETH_P_IP, p, sizeof(ipv4), NULL);
	p[9] = 17;
	p[3] = 24; /* ends before the ports; what follows is padding */
	expect_packet(ETH_P_IP, p, sizeof(p), NULL);
	p[3] = 28;
	expect_packet(ETH_P_IP, p, sizeof(p), &v4);
	p[0] = 0x44; /* a header shorter than there is */
	expect_packet(ETH_P_IP, p, sizeof(p), NULL);
	memmove(p + 28, p + 20, 8); /* eight bytes of options */
	p[0] = 0x47;
	p[3] = 36;
	expect_packet(ETH_P_IP, p, sizeof(p), &v4);
	p[0] = 0x4f;
	expect_packet(ETH_P_IP, p, sizeof(p), NULL);
}

/* Inserts an extension header of 8 bytes. */
static size_t extend(__u8 *p, size_t len, __u8 type)
{
	memmove(p + 48, p + 40, len - 40);
	memset(p + 40, 0, 8);
	p[40] = p[6];
	p[6] = type;
	p[5] = (__u8)(p[5] + 8);
	return len + 8;
}

static void test_ipv6_oddities(void **unused)
{
	static const __u8 types[] = { IPPROTO_DSTOPTS, IPPROTO_FRAGMENT, IPPROTO_ROUTING,
				      IPPROTO_HOPOPTS };
	const struct tproxy_flow_key v6 = key_of(AF_INET6, "2001:db8::1", "2001:db8::2");
	__u8 p[256];
	size_t len = sizeof(ipv6);

	memcpy(p, ipv6, sizeof(ipv6));
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		len = extend(p, len, types[i]);
		expect_packet(ETH_P_IPV6, p, len, &v6);
		p[5]--; /* a byte less than that */
		expect_packet(ETH_P_IPV6, p, len, NULL);
		p[5]++;
	}
	p[41] = 255; /* hop-by-hop options longer than the packet */
	expect_packet(ETH_P_IPV6, p, len, NULL);
	p[41] = 0;
	for (int i = 0; i < 5; i++)
		len = extend(p, len, IPPROTO_DSTOPTS);
	expect_packet(ETH_P_IPV6, p, len, NULL); /* more headers than are read */
	memcpy(p, ipv6, sizeof(ipv6));
	len = extend(p, sizeof(ipv6), IPPROTO_FRAGMENT);
	p[43] = 8; /* a later fragment */
	expect_packet(ETH_P_IPV6, p, len, NULL);
}

static void test_tags(void **unused)
{
	const struct tproxy_flow_key v4 = key_of(AF_INET, "192.0.2.1", "198.51.100.2");
	__u8 p[64] = { 0xe0, 0, 0x81, 0, 0, 0, 0x08, 0 };

	memcpy(p + 8, ipv4, sizeof(ipv4));
	expect_packet(ETH_P_8021Q, p, 8 + sizeof(ipv4), &v4);
	expect_packet(ETH_P_8021AD, p, 8 + sizeof(ipv4), &v4);
	expect_packet(ETH_P_IP, p, 8 + sizeof(ipv4), &v4); /* as Linux 6.10 says */
	p[5] = 7;                                          /* a VLAN of its own */
	expect_packet(ETH_P_IP, p, 8 + sizeof(ipv4), NULL);
	expect_packet(ETH_P_8021Q, p, 8 + sizeof(ipv4), NULL);
	expect_packet(ETH_P_8021Q, p, 6, NULL);
}

/* Under the sanitizers: the reader stays within the packet. */
static void test_cut_and_mutated(void **unused)
{
	__u64 state = 7;

	for (int i = 0; i < 200000; i++) {
		bool v4 = below(&state, 2);
		size_t size = v4 ? sizeof(ipv4) : sizeof(ipv6), len = below(&state, size + 1u);
		__u8 *p = malloc(len ? len : 1); /* exactly: one byte more is an error */
		struct tproxy_flow_key key;

		assert_non_null(p);
		memcpy(p, v4 ? ipv4 : ipv6, len);
		for (unsigned int n = below(&state, 4); n && len; n--)
			p[below(&state, (unsigned int)len)] = (__u8)random_next(&state);
		capture_parse((__u16[]){ ETH_P_IP, ETH_P_IPV6, ETH_P_8021Q }[below(&state, 3)], p,
			      len, &key);
		free(p);
	}
	expect_packet(ETH_P_IP, ipv4, 27, NULL);
	expect_packet(ETH_P_IPV6, ipv6, 47, NULL);
}

/* ---- ctnetlink ---------------------------------------------------------- */

static void put_tuple(struct nlmsghdr *msg, __u16 type, __u8 proto, const char *src,
		      const char *dst, __u16 sport, __u16 dport)
{
	struct nlattr *tuple = mnl_attr_nest_start(msg, type);
	struct nlattr *nest = mnl_attr_nest_start(msg, CTA_TUPLE_IP);
	bool v6 = strchr(src, ':');
	__u8 addr[16];

	inet_pton(v6 ? AF_INET6 : AF_INET, src, addr);
	mnl_attr_put(msg, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, v6 ? 16 : 4, addr);
	inet_pton(v6 ? AF_INET6 : AF_INET, dst, addr);
	mnl_attr_put(msg, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, v6 ? 16 : 4, addr);
	mnl_attr_nest_end(msg, nest);
	nest = mnl_attr_nest_start(msg, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(msg, CTA_PROTO_NUM, proto);
	mnl_attr_put_u16(msg, CTA_PROTO_SRC_PORT, htons(sport));
	mnl_attr_put_u16(msg, CTA_PROTO_DST_PORT, htons(dport));
	mnl_attr_nest_end(msg, nest);
	mnl_attr_nest_end(msg, tuple);
}

static struct nlmsghdr *entry(char *buf, __u8 proto, bool v6, __u32 status)
{
	const char *client = v6 ? "2001:db8::1" : "192.0.2.1";
	const char *server = v6 ? "2001:db8::2" : "198.51.100.2";
	struct nlmsghdr *msg;

	memset(buf, 0, 1024);
	msg = mnl_nlmsg_put_header(buf);
	msg->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
	mnl_nlmsg_put_extra_header(msg, sizeof(struct nfgenmsg));
	put_tuple(msg, CTA_TUPLE_ORIG, proto, client, server, 0x1001, 53);
	/* with address translation: the answer goes to another address */
	put_tuple(msg, CTA_TUPLE_REPLY, proto, server, v6 ? "2001:db8::99" : "203.0.113.9", 53,
		  0x2002);
	mnl_attr_put_u32(msg, CTA_STATUS, htonl(status));
	return msg;
}

static void test_entries(void **unused)
{
	const struct tproxy_flow_key v4 = key_of(AF_INET, "192.0.2.1", "198.51.100.2");
	const struct tproxy_flow_key v6 = key_of(AF_INET6, "2001:db8::1", "2001:db8::2");
	struct tproxy_flow_key keys[2], answer = key_of(AF_INET, "198.51.100.2", "203.0.113.9");
	char buf[1024];

	answer.sport = htons(53);
	answer.dport = htons(0x2002);
	assert_int_equal(conntrack_parse(entry(buf, IPPROTO_UDP, false, IPS_SEEN_REPLY), keys), 2);
	assert_memory_equal(&keys[0], &v4, sizeof(v4));
	assert_memory_equal(&keys[1], &answer, sizeof(answer));
	assert_int_equal(conntrack_parse(entry(buf, IPPROTO_UDP, true, IPS_SEEN_REPLY), keys), 2);
	assert_memory_equal(&keys[0], &v6, sizeof(v6));
	assert_int_equal(conntrack_parse(entry(buf, IPPROTO_UDP, true, 0), keys), 0);
	assert_int_equal(conntrack_parse(entry(buf, IPPROTO_TCP, false, IPS_SEEN_REPLY), keys), 0);
}

static void test_cut_entries(void **unused)
{
	__u64 state = 11;

	for (int i = 0; i < 200000; i++) {
		char buf[1024];
		struct nlmsghdr *whole = entry(buf, IPPROTO_UDP, below(&state, 2), IPS_SEEN_REPLY);
		size_t len =
			MNL_NLMSG_HDRLEN + below(&state, whole->nlmsg_len - MNL_NLMSG_HDRLEN + 1u);
		struct nlmsghdr *msg = malloc(len);
		struct tproxy_flow_key keys[2];

		assert_non_null(msg);
		for (unsigned int n = below(&state, 4); n; n--)
			buf[MNL_NLMSG_HDRLEN + below(&state, whole->nlmsg_len - MNL_NLMSG_HDRLEN)] =
				(char)random_next(&state);
		memcpy(msg, buf, len);
		msg->nlmsg_len = (__u32)len;
		assert_in_range(conntrack_parse(msg, keys), 0, 2);
		free(msg);
	}
}

/* ---- the set of flows --------------------------------------------------- */

static int count_entries(const struct flow_entry *e, void *arg)
{
	(*(size_t *)arg)++;
	return 0;
}

static void test_set(void **unused)
{
	struct flowset set __cleanup_flowset = { 0 };
	struct tproxy_flow_key key = key_of(AF_INET, "192.0.2.1", "198.51.100.2"), other;
	size_t n = 0;

	assert_int_equal(flowset_open(&set, 1000), 0);
	assert_null(flowset_find(&set, &key));
	for (unsigned int i = 0; i < 1500; i++) {
		key.sport = htons((__u16)i);
		assert_int_equal(flowset_add(&set, &key) != NULL, i < 1000);
		assert_int_equal(flowset_add(&set, &key) != NULL, i < 1000); /* again: the same */
	}
	assert_int_equal(set.n, 1000);
	assert_int_equal(set.refused, 1000);
	flowset_walk(&set, count_entries, &n);
	assert_int_equal(n, 1000);
	key.sport = htons(999);
	assert_non_null(flowset_find(&set, &key));
	other = flow_key_reverse(&key);
	assert_null(flowset_find(&set, &other));
	other = flow_key_reverse(&other);
	assert_memory_equal(&other, &key, sizeof(key));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),         cmocka_unit_test(test_ipv4_oddities),
		cmocka_unit_test(test_ipv6_oddities),   cmocka_unit_test(test_tags),
		cmocka_unit_test(test_cut_and_mutated), cmocka_unit_test(test_entries),
		cmocka_unit_test(test_cut_entries),     cmocka_unit_test(test_set),
	};

	return cmocka_run_group_tests_name("learn", tests, NULL, NULL);
}
