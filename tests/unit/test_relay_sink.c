/* SPDX-License-Identifier: BSD-2-Clause */
/* The sink of the log: exchanges its file under load, keeps every line whole and in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relay/log/logfile.h"
#include "relay/log/sink.h"

#define THREADS 3
#define LINES 30000
#define FILES 24

static char dir[] = "/tmp/test_relay_sink.XXXXXX";

static const char *file(int i)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/log.%d", dir, i);
	return path;
}

static size_t report(enum sink_event event, uint64_t count, char *buf, size_t size)
{
	return (size_t)snprintf(buf, size, event == SINK_LOST ? "lost %u\n" : "deleted %u\n",
				(unsigned int)count);
}

static void *write_lines(void *arg)
{
	char line[128];

	for (int i = 0; i < LINES; i++) {
		int len = snprintf(line, sizeof(line), "%d %d and some more text\n",
				   (int)(intptr_t)arg, i);

		sink_write(line, (size_t)len);
		/* The buffer must not overflow here. */
		if (i % 100 == 0)
			usleep(500);
	}
	return NULL;
}

static int open_files(void)
{
	int count = 0;

	for (int fd = 3; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* In a process of its own, because the sink opens once. */
static void write_and_replace(void)
{
	pthread_t threads[THREADS];

	if (sink_open(file(0), report) || sink_start())
		_exit(1);
	for (intptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, write_lines, (void *)i);
	for (int i = 1; i < FILES; i++) {
		int fd = logfile_open(file(i), false);

		if (fd < 0)
			_exit(2);
		sink_replace(fd);
		/* Some follow each other faster than the thread can take them. */
		usleep(i % 4 ? 10000 : 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	sink_stop(20000);
	/* The last file alone is open. */
	_exit(open_files() == 1 ? 0 : 3);
}

static void run(void (*child)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		child();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static unsigned int read_lines(FILE *in, int *next)
{
	unsigned int count = 0;
	char line[256];

	while (fgets(line, sizeof(line), in)) {
		int thread, i, end = 0;

		assert_int_equal(sscanf(line, "%d %d and some more text\n%n", &thread, &i, &end),
				 2);
		assert_int_equal((size_t)end, strlen(line));
		assert_in_range(thread, 0, THREADS - 1);
		assert_int_equal(i, next[thread]++);
		count++;
	}
	return count;
}

static void test_replace(void **state)
{
	int next[THREADS] = { 0 };
	unsigned int used = 0;

	(void)state;
	run(write_and_replace);
	for (int i = 0; i < FILES; i++) {
		FILE *in = fopen(file(i), "r");

		assert_non_null(in);
		used += read_lines(in, next) > 0;
		fclose(in);
		unlink(file(i));
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(next[i], LINES);
	assert_true(used > 5);
}

static void write_to_deleted(void)
{
	int fd;

	if (sink_open(file(0), report) || sink_start())
		_exit(1);
	unlink(file(0));
	fd = logfile_open(file(0), false);
	if (fd < 0)
		_exit(2);
	sink_replace(fd);
	/* No line comes: the file is exchanged all the same. */
	for (int i = 0; i < 1000; i++) {
		struct stat st;

		if (!stat(file(0), &st) && st.st_size)
			break;
		usleep(10000);
	}
	sink_write("next\n", 5);
	sink_stop(10000);
	_exit(0);
}

static void test_deleted(void **state)
{
	char text[64] = "";
	FILE *in;

	(void)state;
	run(write_to_deleted);
	in = fopen(file(0), "r");
	assert_non_null(in);
	assert_true(fread(text, 1, sizeof(text) - 1, in) > 0);
	fclose(in);
	unlink(file(0));
	assert_string_equal(text, "deleted 0\nnext\n");
}

/* A link is followed if its owner may write to any file anyway, or is us. */
static void test_links(void **state)
{
	char link[PATH_MAX];
	int fd;

	(void)state;
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink("log.0", link), 0);
	fd = logfile_open(link, false);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(access(file(0), F_OK), 0);
	if (!geteuid()) {
		assert_int_equal(lchown(link, 65534, 65534), 0);
		assert_int_equal(logfile_open(link, false), -ELOOP);
	}
	unlink(link);
	unlink(file(0));
}

/* A FIFO without a reader must not stop the process that opens it. */
static void test_fifo(void **state)
{
	int reader, fd;

	(void)state;
	assert_int_equal(mkfifo(file(0), 0600), 0);
	assert_int_equal(logfile_open(file(0), false), -ENXIO);
	reader = open(file(0), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	fd = logfile_open(file(0), false);
	assert_true(fd >= 0);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	close(reader);
	unlink(file(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_fifo),
	};
	int failed;

	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
