/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts of flows in memory that another process maps: limits hold for both together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "address.h"
#include "lib/util.h"
#include "relay/admit/lanes.h"
#include "relay/admit/segment.h"

#define NOW 1000000 /* ms; any */

static struct clients *clients;
static struct lanes *l;
static struct limit_values values;

static int setup(void **state)
{
	(void)state;
	clients = clients_new(1000);
	l = lanes_new(clients);
	values = (struct limit_values)LIMITS_DEFAULT;
	return !l;
}

static int teardown(void **state)
{
	(void)state;
	lanes_free(l);
	clients_free(clients);
	return 0;
}

static const char *admit_to(struct lanes *lanes, const char *client, struct lane **lane)
{
	union saddr a = address(client, 1);

	return lanes_admit(lanes, &values, &a, NOW, lane);
}

static void assert_admitted(struct lanes *lanes, const char *client, struct lane **lane)
{
	assert_null(admit_to(lanes, client, lane));
}

static void assert_reached(struct lanes *lanes, const char *client, const char *limit)
{
	struct lane *lane;
	const char *reached = admit_to(lanes, client, &lane);

	assert_non_null(reached);
	assert_string_equal(reached, limit);
}

/* ---- two processes ------------------------------------------------------ */

/* The older process: takes three flows of a client, and ends one for each byte that it reads. */
static int older_process(int orders, int done)
{
	struct lane *lanes[3];
	char byte = 0;

	for (int i = 0; i < 3; i++)
		if (admit_to(l, i < 2 ? "fd77:1::1" : "10.0.0.9", &lanes[i]))
			return 1;
	for (int i = 0; i < 3; i++) {
		if (write(done, &byte, 1) != 1 || read(orders, &byte, 1) != 1)
			return 2;
		lane_release(lanes[i]);
	}
	return write(done, &byte, 1) == 1 && clients_flows(clients) == 0 ? 0 : 3;
}

struct older {
	pid_t pid;
	int orders;
	int done;
};

static struct older start_older(void)
{
	int orders[2], done[2];
	struct older older;
	char byte;

	assert_int_equal(pipe2(orders, O_CLOEXEC), 0);
	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	older.pid = fork();
	if (!older.pid)
		_exit(older_process(orders[0], done[1]));
	older.orders = orders[1];
	older.done = done[0];
	close(orders[0]);
	close(done[1]);
	assert_int_equal(read(older.done, &byte, 1), 1);
	return older;
}

static void end_one(const struct older *older)
{
	char byte = 0;

	assert_int_equal(write(older->orders, &byte, 1), 1);
	assert_int_equal(read(older->done, &byte, 1), 1);
}

static void test_two_processes(void **state)
{
	struct older older = start_older(); /* it has the clients of the setup */
	struct clients *newer = clients_new(1000);
	struct lanes *lanes = lanes_new(newer);
	struct segment *segment;
	struct lane *held[4];
	int status;

	(void)state;
	values.max_flows_per_source = 2;
	assert_int_equal(clients_adopt(newer, dup(clients_segment(clients)), &segment), 0);
	assert_reached(lanes, "fd77:1::2", "max-flows-per-source"); /* the same /64 */
	assert_admitted(lanes, "10.0.0.9", &held[0]);
	assert_reached(lanes, "10.0.0.9", "max-flows-per-source");
	end_one(&older);
	assert_admitted(lanes, "fd77:1::2", &held[1]);
	assert_reached(lanes, "fd77:1::2", "max-flows-per-source");
	/* here two, there two */
	values.max_flows = 4;
	assert_reached(lanes, "10.0.0.1", "max-flows");
	end_one(&older);
	assert_admitted(lanes, "10.0.0.1", &held[2]);
	assert_reached(lanes, "10.0.0.2", "max-flows");
	end_one(&older);
	assert_admitted(lanes, "10.0.0.2", &held[3]);
	assert_int_equal(waitpid(older.pid, &status, 0), older.pid);
	assert_int_equal(status, 0);
	clients_forget(newer, segment);
	for (int i = 0; i < 4; i++)
		lane_release(held[i]);
	lanes_free(lanes);
	clients_free(newer);
	close(older.orders);
	close(older.done);
}

/* A process that is killed leaves its counts, until it is forgotten. */
static void test_forget(void **state)
{
	struct older older = start_older();
	struct clients *newer = clients_new(1000);
	struct lanes *lanes = lanes_new(newer);
	struct segment *segment;
	struct lane *lane;

	(void)state;
	values.max_flows_per_source = 2;
	assert_int_equal(clients_adopt(newer, dup(clients_segment(clients)), &segment), 0);
	kill(older.pid, SIGKILL);
	assert_int_equal(waitpid(older.pid, NULL, 0), older.pid);
	assert_reached(lanes, "fd77:1::2", "max-flows-per-source");
	clients_forget(newer, segment);
	clients_forget(newer, segment); /* a second time does nothing */
	assert_admitted(lanes, "fd77:1::2", &lane);
	lane_release(lane);
	lanes_free(lanes);
	clients_free(newer);
	close(older.orders);
	close(older.done);
}

/* ---- one process with several segments ---------------------------------- */

static void test_rates(void **state)
{
	struct clients *newer = clients_new(1000);
	struct lanes *lanes = lanes_new(newer);
	struct segment *segment;
	struct lane *lane, *kept;

	(void)state;
	values.flow_rate = 3;
	values.flow_rate_per_source = 2;
	assert_admitted(l, "10.0.0.1", &kept);
	assert_admitted(l, "10.0.0.1", &lane);
	lane_release(lane);
	assert_int_equal(clients_adopt(newer, dup(clients_segment(clients)), &segment), 0);
	assert_reached(lanes, "10.0.0.1", "flow-rate-per-source");
	assert_admitted(lanes, "10.0.0.2", &lane);
	lane_release(lane);
	assert_reached(lanes, "10.0.0.2", "flow-rate");
	lane_release(kept);
	lanes_free(lanes);
	clients_free(newer); /* forgets what is left */
}

static void test_several(void **state)
{
	struct clients *older[3];
	struct lanes *lanes[3];
	struct lane *held[3], *lane;
	struct segment *segment;

	(void)state;
	values.max_flows_per_source = 4;
	for (int i = 0; i < 3; i++) {
		older[i] = clients_new(10);
		lanes[i] = lanes_new(older[i]);
		assert_admitted(lanes[i], "10.0.0.1", &held[i]);
		assert_int_equal(clients_adopt(clients, dup(clients_segment(older[i])), &segment),
				 0);
	}
	assert_admitted(l, "10.0.0.1", &lane);
	assert_reached(l, "10.0.0.1", "max-flows-per-source");
	lane_release(lane);
	for (int i = 0; i < 3; i++) {
		lane_release(held[i]);
		lanes_free(lanes[i]);
		clients_free(older[i]);
	}
}

static void test_too_many(void **state)
{
	struct segment *segment;
	int fd;

	(void)state;
	for (int i = 0; i < ADOPTED_MAX; i++)
		assert_int_equal(clients_adopt(clients, dup(clients_segment(clients)), &segment),
				 0);
	fd = dup(clients_segment(clients));
	assert_int_equal(clients_adopt(clients, fd, &segment), -E2BIG);
	assert_int_equal(close(fd), 0); /* still ours */
}

/* Every client with flows is found, also where many have been there before. */
static void test_many_clients(void **state)
{
	struct clients *newer = clients_new(1000);
	struct lanes *lanes = lanes_new(newer);
	struct segment *segment;
	struct lane *held[1000];
	char name[16];

	(void)state;
	values.max_flows_per_source = 1;
	assert_int_equal(clients_adopt(newer, dup(clients_segment(clients)), &segment), 0);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 1000; i++) {
			snprintf(name, sizeof(name), "10.%d.%d.%d", round, i / 256, i % 256);
			assert_admitted(l, name, &held[i]);
			assert_reached(lanes, name, "max-flows-per-source");
		}
		for (int i = 0; i < 1000; i++)
			lane_release(held[i]);
	}
	lanes_free(lanes);
	clients_free(newer);
}

/* More clients than slots: they have their limits, but only here. */
static void test_full(void **state)
{
	struct clients *small = clients_new(1);
	struct lanes *lanes = lanes_new(small);
	struct lane *held[500];
	char name[16];

	(void)state;
	values.max_flows_per_source = 1;
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "10.0.%d.%d", i / 256, i % 256);
		assert_admitted(lanes, name, &held[i]);
		assert_reached(lanes, name, "max-flows-per-source");
	}
	for (int i = 0; i < 500; i++)
		lane_release(held[i]);
	assert_int_equal(clients_flows(small), 0);
	lanes_free(lanes);
	clients_free(small);
}

/* ---- hostile segments --------------------------------------------------- */

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

/* Memory with these bytes and seals, as another process might send it. */
static int memory(const void *bytes, size_t len, size_t size, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, 0), len);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void assert_refused(int fd, int err)
{
	struct segment *segment;

	assert_int_equal(clients_adopt(clients, fd, &segment), err);
	assert_int_equal(close(fd), 0);
}

static void test_invalid(void **state)
{
	int fd = clients_segment(clients);
	size_t size = (size_t)lseek(fd, 0, SEEK_END);
	uint8_t header[64];
	uint32_t other[] = { 0, 3, 1U << 31, 16384 };

	(void)state;
	assert_int_equal(pread(fd, header, sizeof(header), 0), sizeof(header));
	assert_refused(open("/dev/null", O_RDONLY), -EINVAL);
	assert_refused(open("/proc/self/exe", O_RDONLY), -EINVAL);
	assert_refused(memory(header, 64, size, 0), -EINVAL);           /* could shrink */
	assert_refused(memory(header, 64, size, F_SEAL_GROW), -EINVAL); /* could shrink */
	assert_refused(memory(header, 64, 64, SEALS), -EINVAL);         /* slots are missing */
	assert_refused(memory(header, 64, size - 1, SEALS), -EINVAL);
	assert_refused(memory(header, 10, 10, SEALS), -EINVAL);
	assert_refused(memory(header, 64, 1UL << 40, SEALS), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		memcpy(header + 12, &other[i], sizeof(other[i])); /* groups */
		assert_refused(memory(header, 64, size, SEALS), -EINVAL);
	}
	assert_int_equal(pread(fd, header, sizeof(header), 0), sizeof(header));
	header[8]++; /* version */
	assert_refused(memory(header, 64, size, SEALS), -EPROTO);
	header[0]++;
	assert_refused(memory(header, 64, size, SEALS), -EINVAL);
}

/* Any bytes in it: there may be refusals, but nothing breaks. */
static void test_garbage(void **state)
{
	int own = clients_segment(clients);
	size_t size = (size_t)lseek(own, 0, SEEK_END);
	__cleanup_free uint8_t *bytes = malloc(size);
	struct segment *segment;
	struct lane *lane;

	(void)state;
	memset(bytes, 0xff, size);
	assert_int_equal(pread(own, bytes, 24, 0), 24);
	assert_int_equal(clients_adopt(clients, memory(bytes, size, size, SEALS), &segment), 0);
	values.max_flows = 10;
	values.max_flows_per_source = 10;
	assert_reached(l, "10.0.0.1", "max-flows");
	values.max_flows = 0;
	values.flow_rate = values.flow_rate_per_source = 10;
	assert_admitted(l, "10.0.0.1", &lane); /* no time that makes sense */
	lane_release(lane);
	clients_forget(clients, segment);
	values.max_flows = 10;
	assert_admitted(l, "10.0.0.1", &lane);
	lane_release(lane);
}

#define THREADS 4
#define ROUNDS 20000

static void *hammer(void *arg)
{
	struct lanes *own = lanes_new(clients);
	unsigned int n = (unsigned int)(uintptr_t)arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct lane *lane;
		char name[16];

		n = n * 1664525 + 1013904223;
		snprintf(name, sizeof(name), "10.0.%u.%u", n >> 8 & 3, n >> 16 & 255);
		if (!admit_to(own, name, &lane))
			lane_release(lane);
	}
	lanes_free(own);
	return NULL;
}

/* Clients come and go in all threads while another process adds the counts, and forgets. */
static void test_threads(void **state)
{
	struct clients *other = clients_new(1000);
	struct segment *segment;
	pthread_t threads[THREADS];

	(void)state;
	values.max_flows_per_source = 5;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)), 0);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(clients_adopt(clients, dup(clients_segment(other)), &segment), 0);
		clients_forget(clients, segment);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(clients_flows(clients), 0);
	clients_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_two_processes), T(test_forget),       T(test_rates), T(test_several),
		T(test_too_many),      T(test_many_clients), T(test_full),  T(test_invalid),
		T(test_garbage),       T(test_threads),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
