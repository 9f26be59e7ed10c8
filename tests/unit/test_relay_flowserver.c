/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server of flow lists, with the threads played by hand: long lists, ends, clients that leave,
 * and a request that another process answers as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/util.h"
#include "relay/flows/client.h"
#include "relay/flows/server.h"
#include "relay/loop/flowview.h"

#define FLOWS_MAX 5000

struct fake {
	struct flow_member member; /* first: a member is its flow */
	uint64_t id;
	struct process *process;
};

/* A relay with one thread. */
struct process {
	struct worker w;
	struct flow_table table;
	struct flow_port port;
	struct flow_port *ports[1];
	struct flow_server server;
	struct fake flows[FLOWS_MAX];
};

static struct process serving, retired;
static char path[64];

static void fake_describe(const struct flow_member *member, struct flow_view *ret_view)
{
	const struct fake *flow = (const struct fake *)member;

	*ret_view = (struct flow_view){ .record = { .id = flow->id, .proto = IPPROTO_TCP } };
}

static void fake_end(struct flow_member *member)
{
	flowtable_leave(&((struct fake *)member)->process->table, member);
}

static const struct flow_ops fake_ops = { .describe = fake_describe, .end = fake_end };

static void add_flows(struct process *p, uint64_t first_id, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		p->flows[i].process = p;
		p->flows[i].id = first_id + i;
		assert_int_equal(flowtable_join(&p->table, &p->flows[i].member, &fake_ops), 0);
	}
}

static int listen_somewhere(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(path, sizeof(path), "/tmp/test_relay_flowserver.%d", (int)getpid());
	strcpy(addr.sun_path, path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static void open_process(struct process *p, int listen_fd)
{
	memset(p, 0, sizeof(*p));
	assert_int_equal(worker_open(&p->w, 16, 16), 0);
	flowtable_init(&p->table);
	assert_int_equal(flowport_open(&p->port, &p->w, &p->table), 0);
	p->ports[0] = &p->port;
	assert_int_equal(flow_server_open(&p->server, listen_fd, p->ports, 1), 0);
}

static void close_process(struct process *p)
{
	flowport_stop(&p->port);
	flow_server_close(&p->server);
	flowport_close(&p->port);
	flowtable_free(&p->table);
	worker_close(&p->w);
}

static int setup(void **state)
{
	open_process(&serving, listen_somewhere());
	open_process(&retired, -1);
	flow_server_retire(&retired.server);
	return 0;
}

static int teardown(void **state)
{
	close_process(&serving);
	close_process(&retired);
	unlink(path);
	return 0;
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static void turn(struct process *p)
{
	flow_server_run(&p->server);
	if (!TAILQ_EMPTY(&p->w.tasks) || is_readable(p->w.epoll))
		worker_turn(&p->w);
	flow_server_run(&p->server);
}

static int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(addr.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static int ask(uint8_t kind, uint64_t id)
{
	const struct flows_request request = { .head = { .version = FLOWS_VERSION, .kind = kind },
					       .filter.id = id };
	int fd = dial();

	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	return fd;
}

struct result {
	unsigned int messages, records, retired, ends, passed_on;
	uint64_t matched;
	int err;
	bool closed;
};

static void take(struct result *r, int fd)
{
	static union {
		struct flows_head head;
		struct flows_message records;
		struct flows_end end;
	} m;
	ssize_t n = recv(fd, &m, sizeof(m), 0);

	if (n < 0)
		return;
	r->closed = !n;
	if (n && m.head.kind == FLOWS_END) {
		r->ends++;
		r->passed_on += m.end.passed_on;
		r->matched += m.end.matched;
		r->err = m.end.err;
	}
	if (!n || m.head.kind != FLOWS_RECORDS)
		return;
	r->messages++;
	r->records += m.head.count;
	for (uint32_t i = 0; i < m.head.count; i++)
		r->retired += m.records.records[i].flags & FLOWS_RETIRED;
}

/* Everything until the connection closes. */
static struct result collect(int fd)
{
	struct result r = { .closed = false };

	for (int i = 0; i < 10000 && !r.closed; i++) {
		turn(&serving);
		turn(&retired);
		take(&r, fd);
	}
	assert_true(r.closed);
	close(fd);
	return r;
}

static bool is_idle(const struct process *p)
{
	for (int i = 0; i < FLOWS_CLIENTS; i++)
		if (p->server.clients[i].state != CLIENT_FREE)
			return false;
	return true;
}

/* ---- tests -------------------------------------------------------------- */

static void long_list(void **state)
{
	struct result r;

	add_flows(&serving, 1, FLOWS_MAX);
	r = collect(ask(FLOWS_LIST, 0));
	assert_int_equal(r.records, FLOWS_MAX);
	assert_int_equal(r.matched, FLOWS_MAX);
	assert_int_equal(r.ends, 1);
	assert_int_equal(r.retired, 0);
	assert_int_equal(r.messages, (FLOWS_MAX + FLOWS_PER_MESSAGE - 1) / FLOWS_PER_MESSAGE);
	assert_true(is_idle(&serving));
}

static void nothing(void **state)
{
	struct result r = collect(ask(FLOWS_LIST, 0));

	assert_int_equal(r.messages, 0);
	assert_int_equal(r.ends, 1);
	assert_int_equal(r.matched, 0);
}

static void kill_one(void **state)
{
	add_flows(&serving, 1, 300);
	assert_int_equal(collect(ask(FLOWS_KILL, 299)).matched, 1);
	assert_int_equal(collect(ask(FLOWS_KILL, 299)).matched, 0);
	assert_int_equal(collect(ask(FLOWS_LIST, 0)).matched, 299);
}

static void kill_needs_a_filter(void **state)
{
	struct result r;

	add_flows(&serving, 1, 3);
	r = collect(ask(FLOWS_KILL, 0));
	assert_int_equal(r.err, EINVAL);
	assert_int_equal(collect(ask(FLOWS_LIST, 0)).matched, 3);
}

static void other_version(void **state)
{
	const struct flows_request request = { .head = { .version = FLOWS_VERSION + 1,
							 .kind = FLOWS_LIST } };
	int fd = dial();

	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	assert_int_equal(collect(fd).err, EPROTO);
}

/* The thread may have the walk when the client leaves. */
static void client_leaves(void **state)
{
	add_flows(&serving, 1, FLOWS_MAX);
	for (int turns = 0; turns < 10; turns++) {
		int fd = ask(FLOWS_LIST, 0);

		flow_server_run(&serving.server);
		for (int i = 0; i < turns; i++)
			turn(&serving);
		close(fd);
		for (int i = 0; i < 20; i++)
			turn(&serving);
		assert_true(is_idle(&serving));
	}
}

/* It has more flows than its buffer takes, and continues when it reads. */
static void client_pauses(void **state)
{
	int fd;

	add_flows(&serving, 1, FLOWS_MAX);
	fd = ask(FLOWS_LIST, 0);
	for (int i = 0; i < 1000; i++)
		turn(&serving);
	assert_int_equal(serving.server.clients[FLOWS_CLIENTS - 1].state, CLIENT_SENDING);
	assert_int_equal(collect(fd).records, FLOWS_MAX);
}

static void room_for_our_user(void **state)
{
	int fds[FLOWS_CLIENTS + 1];
	struct result r = { .err = 0 };

	for (int i = 0; i <= FLOWS_CLIENTS; i++) {
		fds[i] = dial();
		turn(&serving);
	}
	take(&r, fds[FLOWS_CLIENTS]);
	assert_int_equal(r.err, EBUSY);
	for (int i = 0; i <= FLOWS_CLIENTS; i++)
		close(fds[i]);
	for (int i = 0; i < FLOWS_CLIENTS; i++)
		turn(&serving);
	assert_true(is_idle(&serving));
}

static void stopped_thread(void **state)
{
	add_flows(&serving, 1, 10);
	flowport_stop(&serving.port);
	assert_int_equal(collect(ask(FLOWS_LIST, 0)).ends, 1);
}

/* Flows have taken all descriptors. */
static void no_descriptor(void **state)
{
	struct rlimit before, none;
	struct result r;
	int fd = ask(FLOWS_LIST, 0);
	int lowest = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)lowest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(dup(fd), -1);
	r = collect(fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(r.ends, 1);
	assert_int_equal(r.err, 0);
}

static unsigned int pass_on(void *arg, int fd, const struct flows_request *request)
{
	flow_server_adopt(arg, fcntl(fd, F_DUPFD_CLOEXEC, 0), request);
	return 1;
}

static void two_processes(void **state)
{
	struct result r;

	serving.server.others = (struct flow_others){ .pass_on = pass_on, .arg = &retired.server };
	add_flows(&serving, 1, 200);
	add_flows(&retired, 1001, 300);
	r = collect(ask(FLOWS_LIST, 0));
	assert_int_equal(r.records, 500);
	assert_int_equal(r.retired, 300);
	assert_int_equal(r.ends, 2);
	assert_int_equal(r.passed_on, 1);
	assert_int_equal(collect(ask(FLOWS_KILL, 1001)).matched, 1);
	assert_int_equal(collect(ask(FLOWS_LIST, 0)).matched, 499);
	assert_true(is_idle(&serving) && is_idle(&retired));
}

static void describe(const void *arg, struct flows_status *ret_status)
{
	*ret_status = (struct flows_status){ .nofile = *(const unsigned int *)arg };
}

/* Only the relay that serves answers, and nobody walks over flows. */
static void status(void **state)
{
	static const unsigned int nofile = 4096;
	struct flows_status answer;
	struct flows_end end;
	int fd;

	serving.server.others = (struct flow_others){ .pass_on = pass_on, .arg = &retired.server };
	serving.server.teller = (struct flow_teller){ .describe = describe, .arg = &nofile };
	fd = ask(FLOWS_ASK_STATUS, 0);
	turn(&serving);
	assert_int_equal(recv(fd, &answer, sizeof(answer), MSG_TRUNC), sizeof(answer));
	assert_int_equal(answer.head.version, FLOWS_VERSION);
	assert_int_equal(answer.head.kind, FLOWS_STATUS);
	assert_int_equal(answer.nofile, nofile);
	assert_int_equal(recv(fd, &end, sizeof(end), MSG_TRUNC), sizeof(end));
	assert_int_equal(end.err, 0);
	assert_int_equal(end.passed_on, 0);
	assert_int_equal(recv(fd, &end, sizeof(end), 0), 0);
	close(fd);
	assert_true(is_idle(&serving) && is_idle(&retired));
}

/* As an older relay does. */
static void no_status(void **state)
{
	struct result r = collect(ask(FLOWS_ASK_STATUS, 0));

	assert_int_equal(r.ends, 1);
	assert_int_equal(r.err, EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(long_list, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(kill_one, setup, teardown),
		cmocka_unit_test_setup_teardown(kill_needs_a_filter, setup, teardown),
		cmocka_unit_test_setup_teardown(other_version, setup, teardown),
		cmocka_unit_test_setup_teardown(client_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(client_pauses, setup, teardown),
		cmocka_unit_test_setup_teardown(room_for_our_user, setup, teardown),
		cmocka_unit_test_setup_teardown(stopped_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(no_descriptor, setup, teardown),
		cmocka_unit_test_setup_teardown(two_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(status, setup, teardown),
		cmocka_unit_test_setup_teardown(no_status, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
