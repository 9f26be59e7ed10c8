/* SPDX-License-Identifier: BSD-2-Clause */
/* The relay reads the configuration file, and reports every error in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "relay_options.h"

static void test_file(void **state)
{
	(void)state;
	assert_int_equal(parse_file("[loader]\ninterfaces = eth0 wg*\n"
				    "[rule ssh]\nports = 22\n[pool gate1]\n10.0.0.1 = 10.0.0.2:22\n"
				    "[zone z]\ninterfaces = y\n"
				    "[relay] ; ours\nlisten = 15002 15006, 15007 ; three\n"
				    "source = client-ip\nallow-local = yes\nidle-timeout=5\n",
				    ""),
			 OPTIONS_RUN);
	assert_int_equal(o.listen_count, 3);
	assert_int_equal(o.listen[2], 15007);
	assert_int_equal(o.source.mode, SOURCE_CLIENT_IP);
	assert_int_equal(o.idle_timeout, 5);
	assert_true(o.allow_local);
	assert_int_equal(o.settings->pools.n, 1);
	assert_int_equal(parse_file("", ""), OPTIONS_RUN);
	assert_int_equal(o.settings->pools.n, 0);
	/* A line as long as the loader takes it. */
	assert_int_equal(parse_file("[rule a]\nto = 10.0.0.0/8 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 "
				    "10.0.0.5 10.0.0.6 10.0.0.7 10.0.0.8 10.0.0.9 10.0.0.10 "
				    "10.0.0.11 10.0.0.12 10.0.0.13 10.0.0.14 10.0.0.15 10.0.0.16 "
				    "10.0.0.17 10.0.0.18 10.0.0.19 10.0.0.20 10.0.0.21\n",
				    ""),
			 OPTIONS_RUN);
}

/* In other sections a colon separates key and value, and a bracket begins a section. */
static void test_pools(void **state)
{
	union saddr dst = { .v6 = { .sin6_family = AF_INET6, .sin6_port = htons(22) } };

	(void)state;
	inet_pton(AF_INET6, "2001:db8::5", &dst.v6.sin6_addr);
	assert_int_equal(parse_file("[pool a]\n2001:db8::5 = [2001:db8::6]:22 ; ssh\n"
				    "  [2001:db8::5]:80 = [2001:db8::7]:8080\n"
				    "10.0.0.1:2222 = 10.0.0.2:22\n[relay]\nlisten = 99\n",
				    ""),
			 OPTIONS_RUN);
	assert_int_equal(o.settings->pools.n, 3);
	assert_int_equal(o.listen[0], 99);
	assert_non_null(poolmap_find(&o.settings->pools, &dst));
	dst.v6.sin6_port = htons(80);
	assert_int_equal(saddr_port(poolmap_find(&o.settings->pools, &dst)), 8080);
	assert_int_equal(parse_file("[pool a]\n10.0.0.1 = 10.0.0.2:22\n[pool b]\n"
				    "10.0.0.1 = 10.0.0.3:22\n",
				    ""),
			 OPTIONS_FAILED);
	assert_non_null(strstr(why, ":4: 10.0.0.1 = 10.0.0.3:22: has a server already"));
	assert_int_equal(parse_file("[pool a]\n10.0.0.1 = 22\n", ""), OPTIONS_FAILED);
	assert_non_null(strstr(why, ":2: 10.0.0.1 = 22: expected ADDR:PORT of a server"));
}

static union saddr address(uint32_t ip, uint16_t port)
{
	union saddr a = { .v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(ip) } };

	saddr_set_port(&a, port);
	return a;
}

/* Lists add up over lines, and are gone with the next file. */
static void test_lists(void **state)
{
	union saddr client = address(0x0a000001, 1), dst = address(0xc0000201, 25);

	(void)state;
	assert_int_equal(parse_file("[relay]\ndeny = 10.9.0.0/16\n  192.0.2.0/24:25\n"
				    "deny-from = 10.0.0.2\n deny = 1.1.1.1\n",
				    ""),
			 OPTIONS_RUN); /* indented, but a key of its own */
	assert_int_equal(parse_file("[relay]\ndeny = 10.9.0.0/16\n  192.0.2.0/24:25\n"
				    "deny-from = 10.0.0.2\ndeny = 1.1.1.1\n",
				    ""),
			 OPTIONS_RUN);
	assert_string_equal(access_check(&o.settings->access, &client, &dst), "deny");
	dst = address(0x01010101, 80);
	assert_string_equal(access_check(&o.settings->access, &client, &dst), "deny");
	dst = address(0x0a090909, 80);
	assert_string_equal(access_check(&o.settings->access, &client, &dst), "deny");
	assert_int_equal(parse_file("", ""), OPTIONS_RUN);
	assert_null(access_check(&o.settings->access, &client, &dst));
}

static void assert_file_error(const char *text, const char *expected)
{
	if (parse_file(text, "") != OPTIONS_FAILED)
		fail_msg("accepted: %s", text);
	if (!strstr(why, expected))
		fail_msg("\"%s\" lacks \"%s\"", why, expected);
}

static void test_file_errors(void **state)
{
	(void)state;
	assert_file_error("[relay]\n\nnosuch = 1\n", ":3: nosuch = 1: unknown key");
	assert_file_error("[relay]\nworkers = many\n", ":2: workers = many: expected");
	assert_file_error("[relay]\ndevice = sixteen--letters\n",
			  ":2: device = sixteen--letters: too");
	assert_file_error("[relay]\ndevice =\n", ":2: device = : empty");
	assert_file_error("[realy]\nworkers = 1\n", ":1: [realy]: unknown section");
	assert_file_error("workers = 1\n", ":1: workers: before the first [section]");
	assert_file_error("[rule ]\nports = 1\n", ":1: [rule ]: a name is letters");
	assert_file_error("[relay]\nworkers = 1\nworkers = 2\n", ":3: workers = 2: given twice");
	assert_file_error("[relay]\nlisten = 15002\n  15006\n", ":3:");
	assert_file_error("[relay]\nworkers\n", ":2:");
	assert_file_error("[relay]\nworkers = 0\nnosuch = 1\n", ":2: workers");
	assert_file_error("[relay]\nnetns = x\n", ":2: netns = x: unknown key");
	assert_file_error("[relay]\ndeny = 10.0.0.0/8\n  10.0.0.1/8\n", ":3: 10.0.0.1/8: host");
	assert_file_error("[relay]\ndeny =\n", ":2: deny = : empty");
	assert_file_error("[relay]\ndeny = @nosuch\n", ":2: @nosuch: cannot be read: No such");
	assert_file_error("[pool a]\n[pool a]\n", ":2: [pool a]: there is a pool of that name");
	assert_file_error("[relay]\nupstream = socks5://user:secret@x:1\n", ":2: upstream = ...: ");
	assert_null(strstr(why, "secret"));
	assert_file_error("[relay]\nupstreams = socks5://user:secret@x:1\n",
			  ":2: upstreams = ...: unknown key");
	assert_null(strstr(why, "secret"));
	assert_file_error("[rule a]\nproxy = socks5://user:secret@x:1\n", ":2: proxy = ...: ");
	assert_null(strstr(why, "secret"));
	assert_int_equal(parse("--upstream socks5://user:secret@x:1"), OPTIONS_USAGE);
	assert_null(strstr(why, "secret"));
	assert_int_equal(parse("-c /nonexistent/file"), OPTIONS_FAILED);
	assert_non_null(strstr(why, "/nonexistent/file"));
}

/* All errors, of all sections, and of the environment. */
static void test_every_error(void **state)
{
	(void)state;
	setenv("LOG_LEVEL", "loud", 1);
	assert_file_error("[loader]\nmark = 3\n[rule a]\nports = x\n[relay]\nworkers = 0\nx = y\n",
			  "environment LOG_LEVEL=loud");
	assert_non_null(strstr(why, ":2: mark = 3: not one bit of 32"));
	assert_non_null(strstr(why, ":4: x: not a port number"));
	assert_non_null(strstr(why, ":6: workers = 0: expected 1 to 16"));
	assert_non_null(strstr(why, ":7: x = y: unknown key"));
}

/* What a start refuses, the command line may correct; a re-read does not look at it. */
static void test_start(void **state)
{
	static const char both[] = "\n[relay]\nsource = client-ip\nupstream = http://10.0.0.1:1\n";
	static const char log[] = "[rule a]\nto = @nosuch\n[relay]\nlog-file = /nosuch/log\n";

	(void)state;
	assert_file_error(both, ":2: [relay]: source = client-ip: not with an upstream proxy");
	assert_int_equal(parse_file(both, "--source own"), OPTIONS_RUN);
	assert_int_equal(parse_file("[relay]\nsource = own\n",
				    "--source client-ip --upstream http://10.0.0.1:1"),
			 OPTIONS_FAILED);
	assert_memory_equal(why, "source = client-ip: not with", 28);
	assert_file_error(log, ":2: @nosuch: cannot be read: No such file");
	assert_non_null(strstr(why, ":3: [relay]: log-file = /nosuch/log: cannot be opened: No"));
	again = true;
	assert_int_equal(parse_file(log, ""), OPTIONS_RUN);
	again = false;
	assert_file_error("[relay]\nuser = no such\n", ":1: [relay]: user = no such: unknown");
	assert_int_equal(parse_file("[relay]\nuser = no such\n", "--user root"), OPTIONS_RUN);
	assert_int_equal(parse_file("[relay]\nuser = no such\n", "--user root --check"),
			 OPTIONS_CHECKED);
}

/* Each thing by itself: the command line may correct one, and not the others. */
static void test_every_conflict(void **state)
{
	static const char file[] = "[relay]\nsource = client-ip\nupstream = http://10.0.0.1:1\n"
				   "join = yes\nudp-full-cone = yes\nuser = no such\n";

	(void)state;
	assert_file_error(file, ":1: [relay]: join: not with udp-full-cone");
	assert_non_null(strstr(why, ":1: [relay]: source = client-ip: not with"));
	assert_non_null(strstr(why, ":1: [relay]: user = no such: unknown"));
	assert_int_equal(parse_file(file, "--source own"), OPTIONS_FAILED);
	assert_non_null(strstr(why, "user = no such"));
	assert_null(strstr(why, "source = client-ip"));
}

/* --check finds in the command line what it finds in a file. */
static void test_check(void **state)
{
	(void)state;
	assert_int_equal(parse("--check"), OPTIONS_CHECKED);
	assert_int_equal(parse("--check=yes"), OPTIONS_USAGE);
	assert_int_equal(parse("--check --user nosuchone"), OPTIONS_FAILED);
	assert_non_null(strstr(why, "user = nosuchone: unknown"));
	assert_int_equal(parse("--check --log-file /nosuch/log"), OPTIONS_FAILED);
	assert_non_null(strstr(why, "log-file = /nosuch/log: cannot be opened"));
	assert_int_equal(parse("--user nosuchone"), OPTIONS_RUN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_file, clear_environment),
		cmocka_unit_test_setup(test_pools, clear_environment),
		cmocka_unit_test_setup(test_lists, clear_environment),
		cmocka_unit_test_setup(test_file_errors, clear_environment),
		cmocka_unit_test_setup(test_every_error, clear_environment),
		cmocka_unit_test_setup(test_start, clear_environment),
		cmocka_unit_test_setup(test_every_conflict, clear_environment),
		cmocka_unit_test_setup(test_check, clear_environment),
	};

	return cmocka_run_group_tests(tests, NULL, remove_file);
}
