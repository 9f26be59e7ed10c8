/* SPDX-License-Identifier: BSD-2-Clause */
/* Command line and environment of the relay, and their precedence over the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/util.h"
#include "relay_options.h"

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(""), OPTIONS_RUN);
	assert_int_equal(o.listen_count, 2);
	assert_int_equal(o.listen[0], 15002);
	assert_int_equal(o.listen[1], 15006);
	assert_string_equal(o.device, "");
	assert_int_equal(o.source.mode, SOURCE_OWN);
	assert_int_equal(o.workers, 0);
	assert_int_equal(o.log_format, RECORD_TEXT);
	assert_int_equal(o.log_level, RECORD_INFO);
	assert_string_equal(o.pin_dir, "/sys/fs/bpf/tproxy");
	assert_string_equal(o.user, "");
	assert_int_equal(o.connect_timeout, 10);
	assert_int_equal(o.idle_timeout, 3600);
	assert_int_equal(o.half_closed_timeout, 60);
	assert_int_equal(o.drain_timeout, 30);
	assert_false(o.allow_local);
	assert_true(o.carry_ecn);
	assert_false(o.no_seccomp);
	assert_int_equal(o.upstreams.items[0].proxy.kind, PROXY_NONE);
	assert_int_equal(o.proxy_protocol, 0);
	assert_int_equal(o.settings->limits.max_flows, 0);
	assert_int_equal(o.settings->limits.source_prefix6, 64);
	assert_int_equal(o.settings->limits.bandwidth, 0);
}

static void test_flags(void **state)
{
	(void)state;
	assert_int_equal(
		parse("-n r0 --listen 1,65535 --source=client-ip-port --workers 16 "
		      "--log-format json --log-level debug --log-file /l --log-begin yes --user u "
		      "--connect-timeout 1 --idle-timeout 2 --half-closed-timeout 3 "
		      "--drain-timeout 4 --user-timeout 5 --allow-local "
		      "--carry-ecn no"),
		OPTIONS_RUN);
	assert_string_equal(o.netns, "r0");
	assert_string_equal(o.pin_dir, "/sys/fs/bpf/tproxy-r0");
	assert_int_equal(o.listen_count, 2);
	assert_int_equal(o.listen[1], 65535);
	assert_int_equal(o.source.mode, SOURCE_CLIENT_IP_PORT);
	assert_int_equal(o.workers, 16);
	assert_int_equal(o.log_format, RECORD_JSON);
	assert_int_equal(o.log_level, RECORD_DEBUG);
	assert_string_equal(o.log_file, "/l");
	assert_true(o.log_begin);
	assert_string_equal(o.user, "u");
	assert_int_equal(o.connect_timeout, 1);
	assert_int_equal(o.idle_timeout, 2);
	assert_int_equal(o.half_closed_timeout, 3);
	assert_int_equal(o.drain_timeout, 4);
	assert_int_equal(o.user_timeout, 5);
	assert_true(o.allow_local);
	assert_false(o.carry_ecn);
	assert_false(o.join);
	assert_int_equal(parse("--netns x --pin-dir /p --device fifteen-letters --join"),
			 OPTIONS_RUN);
	assert_true(o.join);
	assert_string_equal(o.device, "fifteen-letters");
	assert_string_equal(o.pin_dir, "/p");
	assert_int_equal(
		parse("--max-flows 1000000 --max-flows-per-source 2 --flow-rate 3 "
		      "--flow-rate-per-source 4 --source-prefix6 56 --bandwidth 10M "
		      "--upstream socks5://10.0.0.1:1080 --proxy-protocol v2 --no-seccomp"),
		OPTIONS_RUN);
	assert_int_equal(o.settings->limits.max_flows, 1000000);
	assert_int_equal(o.settings->limits.max_flows_per_source, 2);
	assert_int_equal(o.settings->limits.flow_rate, 3);
	assert_int_equal(o.settings->limits.flow_rate_per_source, 4);
	assert_int_equal(o.settings->limits.source_prefix6, 56);
	assert_int_equal(o.settings->limits.bandwidth, 10000000);
	assert_int_equal(o.upstreams.items[0].proxy.kind, PROXY_SOCKS5);
	assert_int_equal(o.proxy_protocol, 2);
	assert_true(o.no_seccomp);
	assert_int_equal(parse("--bandwidth 4G"), OPTIONS_RUN);
	assert_int_equal(o.settings->limits.bandwidth, 4000000000);
	assert_int_equal(parse("--bandwidth 12"), OPTIONS_RUN);
	assert_int_equal(o.settings->limits.bandwidth, 12);
	assert_int_equal(parse("-h"), OPTIONS_HELP);
	assert_int_equal(parse("--version"), OPTIONS_VERSION);
}

static void test_usage_errors(void **state)
{
	/* clang-format off */
	static const char *const bad[] = {
		"--work 2",	   "--sourc own",	"--nosuch",	   "-x",
		"--workers",	   "-c",		"extra",	   "--workers 0",
		"--workers 17", "--workers 2x", "--workers -1", "--listen 0",
		"--listen 65536",  "--listen 5,5",	"--listen ,",	   "--listen 1;2",
		"--listen 1,2,3,4,5,6,7,8,9",		"--source client", "--source OWN",
		"--log-format xml", "--log-level loud", "--idle-timeout 0", "--idle-timeout 1s",
		"--drain-timeout 999999999999",		"--allow-local=maybe",
		"--netns ../x",	   "--netns a/b",	"--user=",	   "--pin-dir=",
		"--deny all",	   "--allow=all",	"--no-seccomp=maybe",
		"--carry-ecn",	   "--carry-ecn=maybe",	"--join=yes",
		"--max-flows -1",  "--max-flows 1000001",		"--flow-rate 1/s",
		"--source-prefix6 0",			"--source-prefix6 129",
		"--bandwidth 1T",  "--bandwidth M",	"--bandwidth 1.5M",
		"--bandwidth 5000000000",		"--proxy-protocol 3",
		"--upstream https://10.0.0.1:1",	"--upstream socks5://host:1",
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (parse(bad[i]) != OPTIONS_USAGE)
			fail_msg("accepted: %s", bad[i]);
		if (!why[0] || strchr(why, '\n'))
			fail_msg("not one line of reason: %s", bad[i]);
	}
}

static void test_whole(void **state)
{
	(void)state;
	assert_int_equal(parse("--source client-ip --upstream http://10.0.0.1:1"), OPTIONS_FAILED);
	assert_non_null(strstr(why, "source = client-ip"));
	assert_int_equal(parse("--source own --upstream http://10.0.0.1:1"), OPTIONS_RUN);
	assert_int_equal(parse("--source client-ip --upstream direct"), OPTIONS_RUN);
}

/* Flags over file over environment over default. */
static void test_precedence(void **state)
{
	(void)state;
	setenv("LOG_LEVEL", "error", 1);
	setenv("LOG_FORMAT", "json", 1);
	setenv("TPROXY_PIN_DIR", "/env", 1);
	assert_int_equal(parse(""), OPTIONS_RUN);
	assert_int_equal(o.log_level, RECORD_ERROR);
	assert_int_equal(o.log_format, RECORD_JSON);
	assert_string_equal(o.pin_dir, "/env");
	assert_int_equal(parse_file("[relay]\nlog-level = warn\npin-dir = /file\n", ""),
			 OPTIONS_RUN);
	assert_int_equal(o.log_level, RECORD_WARN);
	assert_int_equal(o.log_format, RECORD_JSON);
	assert_string_equal(o.pin_dir, "/file");
	assert_int_equal(parse_file("[relay]\nlog-level = warn\npin-dir = /file\n",
				    "--log-level debug --pin-dir /flag --log-format console"),
			 OPTIONS_RUN);
	assert_int_equal(o.log_level, RECORD_DEBUG);
	assert_int_equal(o.log_format, RECORD_TEXT);
	assert_string_equal(o.pin_dir, "/flag");
	setenv("LOG_LEVEL", "loud", 1);
	assert_int_equal(parse(""), OPTIONS_FAILED);
	assert_non_null(strstr(why, "LOG_LEVEL=loud"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_defaults, clear_environment),
		cmocka_unit_test_setup(test_flags, clear_environment),
		cmocka_unit_test_setup(test_usage_errors, clear_environment),
		cmocka_unit_test_setup(test_whole, clear_environment),
		cmocka_unit_test_setup(test_precedence, clear_environment),
	};

	return cmocka_run_group_tests(tests, NULL, remove_file);
}
