/* SPDX-License-Identifier: BSD-2-Clause */
/* Listeners that another program destroyed before we were given them have no place in the set. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/util.h"
#include "relay/net/addr.h"
#include "relay/process/inherited.h"

/* As SOCK_DESTROY leaves it, once somebody has read its error. */
static int aborted_udp(sa_family_t family)
{
	union saddr addr = saddr_loopback(family, 0);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = socket(family, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &addr.sa, saddr_len(&addr)), 0);
	assert_int_equal(connect(fd, &none, sizeof(none)), 0);
	return fd;
}

static int closed_tcp(sa_family_t family)
{
	union saddr addr = saddr_loopback(family, 0);
	int fd = socket(family, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &addr.sa, saddr_len(&addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
	return fd;
}

static void test_destroyed(void **state)
{
	struct options o = { .workers = 1, .listen = { 15002 }, .listen_count = 1 };
	struct inherited h = { .count = 2, .way = { true, true } };
	struct listener_set set;
	char why[200] = "";

	(void)state;
	h.fds[0] = aborted_udp(AF_INET);
	h.fds[1] = closed_tcp(AF_INET);
	listener_set_init(&set, &o, 0);
	assert_int_equal(inherited_place(&h, &set, &o, why, sizeof(why)), 0);
	assert_int_equal(h.destroyed, 2);
	for (unsigned int way = 0; way < OPTIONS_MAX_WORKERS; way++)
		for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++)
			assert_int_equal(listener_way(&set, way)[cls], -1);
}

static void test_alive(void **state)
{
	struct options o = { .workers = 1, .listen = { 15002 }, .listen_count = 1 };
	struct inherited h = { .count = 1, .way = { true } };
	union saddr addr = saddr_loopback(AF_INET, 0);
	struct listener_set set;
	char why[200] = "";

	(void)state;
	h.fds[0] = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(h.fds[0] >= 0);
	assert_int_equal(bind(h.fds[0], &addr.sa, saddr_len(&addr)), 0);
	listener_set_init(&set, &o, 0);
	assert_int_equal(inherited_place(&h, &set, &o, why, sizeof(why)), 0);
	assert_int_equal(h.destroyed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_destroyed),
		cmocka_unit_test(test_alive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
