/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes as the map own_tasks names them: what /proc says, whatever name they have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/own_task.h"

static struct own_task read_task(pid_t pid)
{
	struct own_task task = { 0 };

	assert_int_equal(own_task_read(pid, &task), 0);
	return task;
}

/* The parent's descriptor is closed when it ends, so no child stays. */
static pid_t child_named(const char *name)
{
	int pair[2], ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(pair), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		close(pair[1]);
		prctl(PR_SET_NAME, name);
		if (write(ready[1], "x", 1) == 1 && read(pair[0], &byte, 1) >= 0)
			_exit(0);
		_exit(1);
	}
	close(pair[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void reads_itself(void **state)
{
	struct own_task task = read_task(getpid());
	struct timespec now;
	struct stat ns;

	clock_gettime(CLOCK_BOOTTIME, &now);
	assert_int_equal(stat("/proc/self/ns/pid", &ns), 0);
	assert_int_equal(task.key.pid, getpid());
	assert_int_equal(task.key.pidns, (__u32)ns.st_ino);
	assert_true(task.start > 0);
	assert_true(task.start <= (__u64)(now.tv_sec + 1) * TPROXY_OWN_TICKS);
}

static void survives_odd_names(void **state)
{
	static const char *const names[] = { "a b", ") R 1 1 1", "(", "))))", "\n1 2 3", "" };
	struct own_task self = read_task(getpid());

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		pid_t pid = child_named(names[i]);
		struct own_task task = read_task(pid);

		assert_int_equal(task.key.pid, pid);
		assert_int_equal(task.key.pidns, self.key.pidns);
		assert_true(task.start >= self.start);
		assert_true(task.start < self.start + 3600 * TPROXY_OWN_TICKS);
		end(pid);
	}
}

static void reports_that_it_is_gone(void **state)
{
	struct own_task task = { .start = 7 };
	pid_t pid = child_named("gone");

	end(pid);
	assert_int_equal(own_task_read(pid, &task), -ESRCH);
	assert_int_equal(task.start, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_itself),
		cmocka_unit_test(survives_odd_names),
		cmocka_unit_test(reports_that_it_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
