/* SPDX-License-Identifier: BSD-2-Clause */
/* The pool of pipes: they are lent, come back, and the kernel may refuse new ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib/util.h"
#include "relay/tcp/pipes.h"

#define NOW 1000000

static void test_reuse(void **state)
{
	struct pipe_pool pool;
	struct pipe *a, *b;

	(void)state;
	pipes_init(&pool, 2);
	a = pipes_take(&pool, NOW);
	assert_non_null(a);
	assert_true(a->size >= PIPE_SIZE_USEFUL);
	assert_int_equal(a->held, 0);
	b = pipes_take(&pool, NOW);
	assert_non_null(b);
	assert_null(pipes_take(&pool, NOW));
	pipes_put(&pool, a);
	assert_ptr_equal(pipes_take(&pool, NOW), a);
	pipes_put(&pool, a);
	pipes_put(&pool, b);
	assert_ptr_equal(pipes_take(&pool, NOW), b); /* the latest one */
	pipes_put(&pool, b);
	pipes_close(&pool);
	assert_int_equal(pool.open, 0);
}

static void test_never_blocks(void **state)
{
	struct pipe_pool pool;
	struct pipe *a;
	char byte;

	(void)state;
	pipes_init(&pool, 1);
	a = pipes_take(&pool, NOW);
	assert_int_equal(read(a->out, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	pipes_put(&pool, a);
	pipes_close(&pool);
}

static void test_with_bytes_is_closed(void **state)
{
	struct pipe_pool pool;
	struct pipe *a;

	(void)state;
	pipes_init(&pool, 1);
	a = pipes_take(&pool, NOW);
	assert_int_equal(write(a->in, "secret", 6), 6);
	a->held = 6;
	pipes_put(&pool, a);
	assert_int_equal(pool.open, 0);
	assert_true(SLIST_EMPTY(&pool.idle));
	pipes_close(&pool);
}

static void test_no_descriptors(void **state)
{
	struct rlimit was, none;
	struct pipe_pool pool;
	struct pipe *a;

	(void)state;
	pipes_init(&pool, 1);
	getrlimit(RLIMIT_NOFILE, &was);
	none = (struct rlimit){ .rlim_cur = 3, .rlim_max = was.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	assert_null(pipes_take(&pool, NOW));
	setrlimit(RLIMIT_NOFILE, &was);
	/* The kernel is not asked again at once. */
	assert_null(pipes_take(&pool, NOW + PIPES_RETRY_MS - 1));
	assert_int_equal(pool.open, 0);
	a = pipes_take(&pool, NOW + PIPES_RETRY_MS);
	assert_non_null(a);
	pipes_put(&pool, a);
	pipes_close(&pool);
}

/* Takes pipes as a user with a low limit. Returns how many there were. */
static int take_all_unprivileged(void)
{
	struct pipe_pool pool;
	int count = 0, small = 0;

	pipes_init(&pool, 4096);
	if (setgroups(0, NULL) || setgid(65533) || setuid(65533))
		return -1;
	for (struct pipe *p; (p = pipes_take(&pool, NOW)); count++)
		small += p->size < PIPE_SIZE_USEFUL;
	return small ? -2 : count;
}

/* Large ones first, then those of 64 KiB, then none: never one of two pages. */
static void test_unprivileged(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	if (!pid) {
		struct rlimit many = { .rlim_cur = 8192, .rlim_max = 8192 };
		int n;

		setrlimit(RLIMIT_NOFILE, &many);
		n = take_all_unprivileged();
		_exit(n < 0 ? -n : n >= 64 && n < 4096 ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_never_blocks),
		cmocka_unit_test(test_with_bytes_is_closed),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_unprivileged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
