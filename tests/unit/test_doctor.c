/* SPDX-License-Identifier: BSD-2-Clause */
/* What `doctor` hides in a bundle, and which cures it carries out itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/resource.h>

#include "lib/util.h"
#include "loader/doctor/bundle/redact.h"
#include "loader/doctor/fix_sysctl.h"

static void test_redact(void **unused)
{
	static const struct {
		const char *text, *safe;
	} cases[] = {
		{ "", "" },
		{ "upstream = socks5://u:p@h:1", "upstream = socks5://***@h:1" },
		{ "upstream = socks5://alice:secret@10.0.0.1:1080\n",
		  "upstream = socks5://***@10.0.0.1:1080\n" },
		{ "a http://bob:x@y@[fd00::1]:3128, socks5://h:1",
		  "a http://***@[fd00::1]:3128, socks5://h:1" },
		{ "alice:secret@host:1080", "***@host:1080" },
		{ "socks5://alice:secret.host:1080x", "socks5://***" },
		{ "\"upstream = http://a:bcd@h:1\"", "\"upstream = http://***@h:1\"" },
		{ "password = open sesame\nport = 1", "password = **** ******\nport = 1" },
		{ "Proxy-Token=abc", "Proxy-Token=***" },
		{ "to = @/etc/list.txt", "to = @/etc/list.txt" },
		{ "192.0.2.1:80 [2001:db8::1]:80 fd77::1",
		  "192.0.2.1:80 [2001:db8::1]:80 fd77::1" },
		{ "socks5://[fd00::1]", "socks5://[fd00::1]" },
		{ "\"rules\": [ { \"id\": \"pass\" } ]", "\"rules\": [ { \"id\": \"pass\" } ]" },
	};
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(text, sizeof(text), "%s", cases[i].text);
		redact(text);
		assert_string_equal(text, cases[i].safe);
	}
}

static void test_sysctls_of_cures(void **unused)
{
	static const struct {
		const char *cure, *name, *value;
	} good[] = {
		{ "sysctl -w net/ipv4/ip_forward=1", "net/ipv4/ip_forward", "1" },
		{ "sysctl -w net.ipv4.conf.r0.rp_filter=2; or a route",
		  "net/ipv4/conf/r0/rp_filter", "2" },
		{ "sysctl -w net/ipv4/conf/eth0.5/rp_filter=2", "net/ipv4/conf/eth0.5/rp_filter",
		  "2" },
		{ "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"",
		  "net/ipv4/ip_local_port_range", "1024 65535" },
		{ "sysctl -w net.ipv4.tcp_tw_reuse=\"1\"", "net/ipv4/tcp_tw_reuse", "1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct sysctl_cure cure;

		assert_true(fix_sysctl_parse(good[i].cure, &cure));
		assert_int_equal(cure.n, 1);
		assert_string_equal(cure.items[0].name, good[i].name);
		assert_string_equal(cure.items[0].value, good[i].value);
	}
}

static void test_several_settings(void **unused)
{
	struct sysctl_cure cure;

	assert_true(fix_sysctl_parse(
		"sysctl -w net/ipv4/conf/all/send_redirects=0 net.ipv4.tcp_mem=\"1 2 3\"; why",
		&cure));
	assert_int_equal(cure.n, 2);
	assert_string_equal(cure.items[0].name, "net/ipv4/conf/all/send_redirects");
	assert_string_equal(cure.items[0].value, "0");
	assert_string_equal(cure.items[1].name, "net/ipv4/tcp_mem");
	assert_string_equal(cure.items[1].value, "1 2 3");
	assert_true(fix_sysctl_parse("sysctl -w net.a=1 net.b=1 net.c=1 net.d=1", &cure));
	assert_int_equal(cure.n, FIX_SYSCTL_MAX);
	assert_false(fix_sysctl_parse("sysctl -w net.a=1 net.b=1 net.c=1 net.d=1 net.e=1", &cure));
}

static void test_other_cures_are_left_alone(void **unused)
{
	static const char *const bad[] = {
		"",
		"ip route add default dev r0",
		"sysctl -w",
		"sysctl -w net/ipv4/ip_forward",
		"sysctl -w net/ipv4/ip_forward=",
		"sysctl -w =1",
		"sysctl -w kernel/core_pattern=x",
		"sysctl -w net/../kernel/core_pattern=x",
		"sysctl -w net/ipv4/conf/a$b/rp_filter=2",
		"sysctl -w net/ipv4/ip_forward=1 && reboot",
		"sysctl -w net/ipv4/ip_forward=1;reboot",
		"sysctl -w net/ipv4/ip_forward=/etc/passwd",
		"sysctl -w net/ipv4/ip_forward=\"\"",
		"sysctl -w net/ipv4/ip_forward=\"1",
		"sysctl -w net/ipv4/ip_forward=\"1 \"",
		"sysctl -w net/ipv4/ip_forward=\" 1\"",
		"sysctl -w net/ipv4/ip_forward=\"1  2\"",
		"sysctl -w net/ipv4/ip_forward=\"1;reboot\"",
		"sysctl -w net/ipv4/ip_forward=\"$(reboot)\"",
		"sysctl -w net/ipv4/ip_forward=\"1\"2",
		"sysctl -w net/ipv4/ip_forward=\"1\" reboot",
		"sysctl -w net/ipv4/\"ip_forward\"=1",
		"sysctl -w net/ipv4/ip_forward=1 kernel/core_pattern=1",
		"sysctl -w net/ipv4/ip_forward=1  net/ipv4/ip_forward=1",
	};
	struct sysctl_cure cure;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(fix_sysctl_parse(bad[i], &cure));
}

/* A limit of the size of files makes the write short, and sets no errno. */
static void test_short_write_fails(void **state)
{
	char path[] = "/tmp/sysctl-XXXXXX";
	const int fd = mkstemp(path);
	struct sysctl_setting setting = { .value = "123456" };
	struct rlimit before, two;

	assert_true(fd >= 0);
	snprintf(setting.name, sizeof(setting.name), "../..%s", path);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	two = (struct rlimit){ 2, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &two), 0);
	errno = 0;
	assert_int_equal(fix_sysctl_write(&setting), -EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(fix_sysctl_write(&setting), 0);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redact),
		cmocka_unit_test(test_sysctls_of_cures),
		cmocka_unit_test(test_several_settings),
		cmocka_unit_test(test_other_cures_are_left_alone),
		cmocka_unit_test(test_short_write_fails),
	};

	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
