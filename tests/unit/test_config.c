/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration file: it is read and printed, and every error is reported with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "config_errors.h"
#include "lib/util.h"
#include "policy/config/read.h"
#include "policy/tables.h"

static int read_text(const char *text, size_t len, struct config *config)
{
	static const struct config_reader reader = { .name = "test", .report.error = on_error };
	__cleanup_file FILE *in = fmemopen((void *)text, len, "r");

	errors[0] = '\0';
	assert_non_null(in);
	return config_read(&reader, in, config);
}

static void expect_config(const char *text, struct config *config)
{
	int err = read_text(text, strlen(text), config);

	if (err)
		fail_msg("%s", errors);
}

/* Errors of a text, one a line. */
static void expect_errors(const char *text, const char *expected)
{
	struct config config __cleanup_config = { 0 };

	assert_int_equal(read_text(text, strlen(text), &config), -EINVAL);
	assert_string_equal(errors, expected);
}

static char *printed(const struct config *config)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(config_print(config, out), 0);
	fclose(out);
	return text;
}

static void test_everything(void **unused)
{
	static const char text[] = "\xef\xbb\xbf; a comment\n"
				   "[loader]\n"
				   "interfaces = eth0 wg*   ; two\n"
				   "divert=eth1\n"
				   "mark = 0x10\n"
				   "table = 99\n"
				   "learn = 0\n"
				   "on-proxy-down = reset\r\n"
				   "unreadable = pass\n"
				   "\n"
				   "[rule a]\n"
				   "  from = 10.0.0.0/8,\n"
				   "         2001:db8::/32\n"
				   "# in between\n"
				   "         192.0.2.1\n"
				   "  ports = 80 udp/53, 443 8000-8010\n"
				   "  zone = lan\n"
				   "  proxy = [2001:db8::1]:3129\n"
				   "[rule b]\n"
				   "proto = udp+tcp\n"
				   "ports = 53\n"
				   "to = none\n"
				   "action = drop\n"
				   "on-proxy-down = pass\n"
				   "[rule c]\n"
				   "unrouted = proxy\n"
				   "[zone lan]\n"
				   "interfaces = eth1 eth2\n"
				   "[pool p]\n"
				   "2001:db8::5 = [2001:db8::6]:22\n"
				   "[relay]\n"
				   "listen = 1 2\n"
				   "   3\n";
	static const char expected[] = "[loader]\n"
				       "interfaces = eth0 wg*\n"
				       "divert = eth1\n"
				       "mark = 0x10\n"
				       "table = 99\n"
				       "learn = 0\n"
				       "on-proxy-down = reset\n"
				       "unreadable = pass\n"
				       "\n[rule a]\n"
				       "interface = eth1 eth2\n"
				       "from = 10.0.0.0/8 192.0.2.1 2001:db8::/32\n"
				       "ports = udp/53 tcp/80 tcp/443 tcp/8000-8010\n"
				       "action = proxy\n"
				       "proxy = [2001:db8::1]:3129\n"
				       "\n[rule b]\n"
				       "to = none\n"
				       "ports = tcp/53 udp/53\n"
				       "action = drop\n"
				       "on-proxy-down = pass\n"
				       "\n[rule c]\n"
				       "action = proxy\n"
				       "proxy = relay\n"
				       "unrouted = proxy\n"
				       "\n[pool p]\n"
				       "[2001:db8::5]:22 = [2001:db8::6]:22\n"
				       "\n[relay]\n"
				       "listen = 1 2\n"
				       "    3\n";
	struct config config __cleanup_config = { 0 };
	struct config again __cleanup_config = { 0 };
	__cleanup_free char *first = NULL, *second = NULL;

	expect_config(text, &config);
	first = printed(&config);
	assert_string_equal(first, expected);
	expect_config(first, &again);
	second = printed(&again);
	assert_string_equal(second, first);
}

static void test_defaults(void **unused)
{
	struct config config __cleanup_config = { 0 };
	const struct rule *rule = &config.policy.rules[0];

	expect_config("[rule a]\n", &config);
	assert_true(rule->used);
	assert_int_equal(rule->action, TPROXY_ACTION_PROXY);
	assert_int_equal(rule->on_down, TPROXY_ON_DOWN_DROP);
	assert_int_equal(rule->unrouted, TPROXY_UNROUTED_PASS);
	assert_int_equal(config.policy.unreadable, TPROXY_UNREADABLE_DROP);
	assert_int_equal(rule->proxy.port, 0);
	assert_true(prefix_set_is_all(&rule->to));
	assert_true(prefix_set_is_all(&rule->from));
	assert_int_equal(rule->services.n, 1);
	assert_int_equal(rule->services.items[0].proto, IPPROTO_TCP);
	assert_int_equal(rule->services.items[0].range.first, 0);
	assert_int_equal(rule->interfaces.n, 0);
	assert_false(config.policy.rules[1].used);
}

static void test_empty(void **unused)
{
	struct config config __cleanup_config = { 0 };

	expect_config("\n", &config);
	expect_config("; nothing\n# here", &config);
	assert_int_equal(policy_append_index(&config.policy), 0);
}

static void test_errors(void **unused)
{
	expect_errors("x = 1\n", "1: x: before the first [section]\n");
	expect_errors("[loader]\nnothing\n", "2: nothing: expected KEY = VALUE\n");
	expect_errors("[loader]\n  indented\n", "2: indented: expected KEY = VALUE\n");
	expect_errors("[loader\nmark = 1\n", "1: [loader: expected [SECTION]\n");
	expect_errors("[loader] mark = 1\n", "1: [loader] mark = 1: expected [SECTION]\n");
	expect_errors("[loader]\n[loader]\n", "2: [loader]: there is such a section already\n");
	expect_errors("[relay]\n[relay]\n", "2: [relay]: there is such a section already\n");
	expect_errors("[what]\na = b\n[rule]\n[zone ]\n",
		      "1: [what]: unknown section\n"
		      "3: [rule ]: a name is letters, digits, - _ . (at most 31)\n"
		      "4: [zone ]: a name is letters, digits, - _ . (at most 31)\n");
	expect_errors("[rule a]\ncolour = red\n", "2: colour: unknown key\n");
	expect_errors("[loader]\nunreadable = proxy\n",
		      "2: unreadable = proxy: unknown value (drop, pass)\n");
	expect_errors("[rule a]\nunrouted = drop\n",
		      "2: unrouted = drop: unknown value (pass, proxy)\n");
	expect_errors("[rule a]\nto =\n", "2: to: no value\n");
	expect_errors("[rule a]\nto = 10.0.0.0/8\nto = 11.0.0.0/8\n", "3: to: given twice\n");
	expect_errors("[rule a]\nproxy = 1\n 2\n", "3: proxy: takes one line only\n");
	expect_errors("[rule a]\nto = 10.0.0.1/8 2001:db8::/129 x\n",
		      "2: 10.0.0.1/8: host bits are set\n"
		      "2: 2001:db8::/129: prefix length is 0 to 128\n"
		      "2: x: not an IPv4 or IPv6 prefix\n");
	expect_errors("[rule a]\nports = 0 70000 9-8 sctp/1 tcp/x\n",
		      "2: 0: ports are 1 to 65535\n"
		      "2: 70000: ports are 1 to 65535\n"
		      "2: 9-8: range ends before it starts\n"
		      "2: sctp/1: not a port number\n"
		      "2: tcp/x: not a port number\n");
	expect_errors("[rule a]\naction = explode\n",
		      "2: action = explode: unknown value (proxy, pass, drop, reset, audit)\n");
	expect_errors("[rule a]\naction = pass\nproxy = 3129\n",
		      "1: [rule a]: names a proxy, but its action is pass\n");
	expect_errors("[rule a]\ninterface = much-too-long-a-name eth/0\n",
		      "2: much-too-long-a-name: not a name of an interface, or a glob\n"
		      "2: eth/0: not a name of an interface, or a glob\n");
	/* A comment, a key or a section where a list of names goes over two lines. */
	expect_errors("[rule a]\ninterface = a;b c=d #e [0-9]x\n",
		      "2: a;b: not a name of an interface, or a glob\n"
		      "2: c=d: not a name of an interface, or a glob\n"
		      "2: #e: not a name of an interface, or a glob\n"
		      "2: [0-9]x: not a name of an interface, or a glob\n");
	expect_errors("[rule a]\nzone = lan\n", "2: zone = lan: there is no [zone lan]\n");
	expect_errors("[rule a]\nzone = lan\n[zone lan]\n",
		      "2: zone = lan: [zone lan] names no interface\n");
	expect_errors("[rule a]\nto = @/nosuch/file\n",
		      "2: @/nosuch/file: cannot be read: No such file or directory\n");
	expect_errors("[loader]\nmark = 3\ntable = 255\non-proxy-down = cry\n",
		      "2: mark = 3: not one bit of 32 (for example 0x1000000)\n"
		      "3: table = 255: not a table number of our own (for example 15001)\n"
		      "4: on-proxy-down = cry: unknown value (drop, pass, reset)\n");
	expect_errors("[loader]\nlearn = 61\n[rule a]\nlearn = 2\n",
		      "2: learn = 61: number out of range (seconds, at most 60)\n"
		      "4: learn: unknown key\n");
	expect_errors("[pool a]\n10.0.0.1 = 10.0.0.2:22\n[pool b]\n10.0.0.1 = 10.0.0.3:22\n"
		      "10.0.0.0/8 = 10.0.0.3:22\n10.0.0.4 = 22\nx\n",
		      "4: 10.0.0.1 = 10.0.0.3:22: has a server already, in [pool a]\n"
		      "5: 10.0.0.0/8 = 10.0.0.3:22: a pool maps single addresses\n"
		      "6: 10.0.0.4 = 22: expected ADDR:PORT of a server\n"
		      "7: x: expected ADDRESS[:PORT] = SERVER:PORT\n");
	expect_errors(
		"[pool a]\n10.0.0.1 = [2001:db8::1]:22\n10.0.0.2:23 = 10.0.0.2:23\n"
		"10.0.0.3 = 10.0.0.4:22\n10.0.0.5 = 10.0.0.3:22\n10.0.0.4 = 10.0.0.9:22\n"
		"10.0.0.4:23 = 10.0.0.3:23\n0.0.0.0 = 10.0.0.3:23\n10.0.0.7:0 = 10.0.0.3:2\n"
		"10.0.0.7 = 10.0.0.3:22 10.0.0.8:22\n2001:db8::1:22 = [2001:db8::2]:0\n",
		"2: 10.0.0.1 = [2001:db8::1]:22: address and server are of different families\n"
		"3: 10.0.0.2:23 = 10.0.0.2:23: the server is an address of a pool itself\n"
		"5: 10.0.0.5 = 10.0.0.3:22: the server is an address of a pool itself\n"
		"6: 10.0.0.4 = 10.0.0.9:22: the server is an address of a pool itself\n"
		"8: 0.0.0.0 = 10.0.0.3:23: not the address of a host\n"
		"9: 10.0.0.7:0 = 10.0.0.3:2: ports are 1 to 65535\n"
		"10: 10.0.0.7 = 10.0.0.3:22 10.0.0.8:22: expected ADDRESS[:PORT] = SERVER:PORT\n"
		"11: 2001:db8::1:22 = [2001:db8::2]:0: expected ADDR:PORT of a server\n");
	/* Text of a file that is printed must not control a terminal. */
	expect_errors("[rule a]\n\x1b[31m = 1\n", "2: ?[31m: unknown key\n");
}

static void test_nul_and_length(void **unused)
{
	static const char nul[] = "[rule a]\nto = 10.0.0.0/8\0 11.0.0.0/8\n";
	struct config config __cleanup_config = { 0 };
	size_t room = (1 << 20) + 100, len;
	char *text = malloc(room);

	assert_int_equal(read_text(nul, sizeof(nul) - 1, &config), -EINVAL);
	assert_string_equal(errors, "2: NUL byte\n");
	assert_non_null(text);
	strcpy(text, "[rule a]\nzone = z\nto =");
	for (len = strlen(text); len < room - 10; len += 9)
		strcpy(text + len, " 10.0.0.1");
	/* The rest of the file is unknown, so there is no error about the zone. */
	assert_int_equal(read_text(text, len, &config), -EINVAL);
	assert_string_equal(errors,
			    "3: longer than 1048576 bytes (continue it in an indented line)\n");
	text[18 + 4 + 9 * 100000] = '\0'; /* of the same kind, but short enough */
	memcpy(text + 9, "# ", 2);
	expect_config(text, &config);
	assert_int_equal(config.policy.rules[0].to.n, 1);
	free(text);
}

static void test_many_rules(void **unused)
{
	struct config config __cleanup_config = { 0 };
	char text[4096] = "";

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "[rule r%d]\n", i);
	expect_config(text, &config);
	strcat(text, "[rule one-more]\nports = 1\n[rule r3]\n");
	expect_errors(text, "65: [rule one-more]: more than 64 rules\n"
			    "67: [rule r3]: there is a rule of that name already\n");
}

static void write_list(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_lists(void **unused)
{
	char dir[] = "/tmp/tproxy-test-XXXXXX", path[64], conf[64];
	struct config_reader reader = { .name = conf, .report.error = on_error };
	static const char text[] = "[rule a]\nto = @list.txt 192.0.2.0/24\n";
	struct config config __cleanup_config = { 0 };
	__cleanup_file FILE *in = fmemopen((void *)text, strlen(text), "r");
	__cleanup_file FILE *again = fmemopen((void *)text, strlen(text), "r");

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/list.txt", dir);
	snprintf(conf, sizeof(conf), "%s/a.conf", dir); /* lists lie beside their file */
	write_list(path, "10.0.0.0/8 # ten\n\n  2001:db8::/32\n; none\n10.0.0.0/8\n192.0.2.0/24");
	errors[0] = '\0';
	assert_int_equal(config_read(&reader, in, &config), 0);
	assert_int_equal(config.policy.rules[0].to.n, 3);
	write_list(path, "10.0.0.0/8\n10.0.0.1/8\n\nx y\n");
	config_free(&config);
	assert_int_equal(config_read(&reader, again, &config), -EINVAL);
	assert_string_equal(errors, "2: 10.0.0.1/8: host bits are set\n"
				    "4: x y: not an IPv4 or IPv6 prefix\n");
	unlink(path);
	rmdir(dir);
}

/* Which rules apply on an interface: those that name it, also by a pattern or a zone. */
static void test_interfaces_and_masks(void **unused)
{
	struct config config __cleanup_config = { 0 };

	expect_config("[rule lan]\ninterface = eth1 wg*\n[rule all]\n[rule wan]\nzone = w\n"
		      "[zone w]\ninterfaces = eth0\n",
		      &config);
	assert_int_equal(policy_rules_on(&config.policy, "eth0"), 6);
	assert_int_equal(policy_rules_on(&config.policy, "eth1"), 3);
	assert_int_equal(policy_rules_on(&config.policy, "wg7"), 3);
	assert_int_equal(policy_rules_on(&config.policy, "eth2"), 2);
}

/* Kept unchanged: a value may look like a key. */
static void test_relay_lines(void **unused)
{
	static const char text[] = "[loader]\n\n[relay]\na = x=y\na = z=w\n    v\n";
	struct config config __cleanup_config = { 0 };
	__cleanup_free char *out = NULL;

	expect_config(text, &config);
	out = printed(&config);
	assert_string_equal(out, text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),     cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_empty),          cmocka_unit_test(test_errors),
		cmocka_unit_test(test_nul_and_length), cmocka_unit_test(test_many_rules),
		cmocka_unit_test(test_lists),          cmocka_unit_test(test_interfaces_and_masks),
		cmocka_unit_test(test_relay_lines),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
