/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP flows move from one engine to another as they move between relays: they keep their ports, and
 * exactly one side writes the record. Both engines are in this process; the descriptors of the
 * second one are duplicates, as if they had been sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "relay/admit/clients.h"
#include "relay/config/options.h"
#include "relay/log/looplog.h"
#include "relay/log/pathlog.h"
#include "relay/log/record.h"
#include "relay/log/sink.h"
#include "relay/udp/session.h"

#define FLOWS 40 /* more than one message takes */

struct relay_side {
	struct options options;
	struct relay relay;
	struct budget budget;
	struct pathlog paths;
	struct worker_listeners listeners;
	struct local_set local;
	struct engine_context ctx;
	struct udp_engine *udp;
};

static int door; /* a listener that both sides have */
static char log_path[] = "/tmp/travel.XXXXXX";

static int bound_socket(union saddr *ret_addr)
{
	union saddr addr = address("127.0.0.1", 0);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(addr);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &addr.sa, sizeof(addr.v4)), 0);
	assert_int_equal(getsockname(fd, &addr.sa, &len), 0);
	*ret_addr = addr;
	return fd;
}

static struct relay_side *side_open(bool cone)
{
	struct relay_side *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	assert_int_equal(options_defaults(&r->options), 0);
	egress_complete(&r->options.settings->egress, &r->options.source, &r->options.upstreams);
	r->options.workers = 1;
	r->options.udp_full_cone = cone;
	r->relay = (struct relay){ .options = &r->options,
				   .budget = &r->budget,
				   .clients = clients_new(1024),
				   .loops = looplog_new(),
				   .paths = &r->paths,
				   .settings = r->options.settings };
	budget_init(&r->budget, 1024, 1, 1);
	budget_open(&r->budget, 64);
	r->ctx.lanes = lanes_new(r->relay.clients);
	flowtable_init(&r->ctx.flows);
	memset(&r->listeners, 0xff, sizeof(r->listeners));
	r->listeners.fds[0][TPROXY_UDP4] = dup(door);
	r->ctx.relay = &r->relay;
	r->ctx.listeners = &r->listeners;
	r->ctx.settings = r->options.settings;
	r->ctx.local = &r->local;
	assert_int_equal(worker_open(&r->ctx.worker, 16, 16), 0);
	assert_int_equal(udp_open(&r->ctx, &r->udp), 0);
	return r;
}

static void side_close(struct relay_side *r)
{
	udp_close(r->udp);
	lanes_free(r->ctx.lanes);
	flowtable_free(&r->ctx.flows);
	assert_int_equal(clients_flows(r->relay.clients), 0);
	worker_close(&r->ctx.worker);
	close(r->listeners.fds[0][TPROXY_UDP4]);
	clients_free(r->relay.clients);
	looplog_free(r->relay.loops);
	options_free(&r->options);
	free(r);
}

static union saddr client_of(unsigned int i)
{
	return address("192.0.2.1", (uint16_t)(1000 + i));
}

static struct session *flow_open(struct relay_side *r, unsigned int i, const union saddr *server)
{
	struct flow_record record = { .proto = IPPROTO_UDP,
				      .client = client_of(i),
				      .dst = *server };
	struct run run = { .data = (const uint8_t *)"hello", .len = 5 };
	struct session *s;
	struct lane *lane;

	r->udp->door = r->udp->listeners[0].door;
	assert_null(
		lanes_admit(r->ctx.lanes, &r->options.settings->limits, &record.client, 1, &lane));
	assert_int_equal(session_open(r->udp, &record, lane, &s), 0);
	assert_true(session_to_dst(s, server, run));
	assert_true(session_flush_to_dst(s, server));
	return s;
}

/* Port of the next datagram at the server. */
static uint16_t port_seen(int server)
{
	union saddr from;
	socklen_t len = sizeof(from);
	char data[64];

	assert_int_equal(recvfrom(server, data, sizeof(data), 0, &from.sa, &len), 5);
	return saddr_port(&from);
}

/* ---- the way between them ----------------------------------------------- */

struct way {
	struct relay_side *to; /* NULL: nobody takes it */
	unsigned int messages;
	unsigned int refuse; /* the other side takes no more after so many messages, 0: all */
};

static int carry(void *arg, const void *msg, size_t len, const int *fds, unsigned int count)
{
	struct way *way = arg;
	int copies[64];

	assert_true(count <= 64 && len <= 4000);
	if (way->refuse && way->messages == way->refuse)
		return -EAGAIN;
	way->messages++;
	for (unsigned int i = 0; i < count; i++)
		copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
	if (way->to)
		assert_int_equal(udp_import(&way->to->udp, 1, msg, len, copies, count), 0);
	for (unsigned int i = 0; i < count; i++)
		if (copies[i] >= 0)
			close(copies[i]);
	return 0;
}

static int export_all(struct relay_side *from, struct way *way)
{
	const struct udp_export x = { carry, way };
	int err;

	while ((err = udp_export(from->udp, &x)) == -EAGAIN)
		way->refuse++;
	return err;
}

/* ---- the tests ---------------------------------------------------------- */

static unsigned int records(const char *word)
{
	char line[512];
	unsigned int n = 0;
	FILE *f;

	usleep(200000); /* the sink writes in a thread of its own */
	f = fopen(log_path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, word) != NULL;
	fclose(f);
	return n;
}

static void test_flows_keep_their_ports(void **state)
{
	struct relay_side *old = side_open(false), *new = side_open(false);
	struct way way = { .to = new, .refuse = 1 };
	union saddr addr;
	int server = bound_socket(&addr);
	uint16_t ports[FLOWS];
	uint64_t ids[FLOWS];

	(void)state;
	for (unsigned int i = 0; i < FLOWS; i++) {
		ids[i] = flow_open(old, i, &addr)->id;
		ports[i] = port_seen(server);
	}
	assert_int_equal(export_all(old, &way), 0);
	assert_int_equal(way.messages, 3);
	/* Each flow counts once for the limits. */
	assert_int_equal(clients_flows(old->relay.clients), 0);
	udp_export_done(old->udp);
	assert_int_equal(udp_sessions(old->udp), 0);
	assert_int_equal(udp_sessions(new->udp), FLOWS);
	assert_int_equal(clients_flows(new->relay.clients), FLOWS);
	for (unsigned int i = 0; i < FLOWS; i++) {
		union saddr client = client_of(i);
		struct session *s = session_find(new->udp, &client, &addr);
		struct run run = { .data = (const uint8_t *)"again", .len = 5 };

		assert_non_null(s);
		assert_int_equal(s->id, ids[i]);
		assert_int_equal(s->to_dst.bytes, 5);
		assert_true(session_to_dst(s, &addr, run));
		assert_true(session_flush_to_dst(s, &addr));
		assert_int_equal(port_seen(server), ports[i]);
	}
	side_close(old);
	assert_int_equal(records("up=10/2"), 0);
	side_close(new);
	assert_int_equal(records("192.0.2.1:"), FLOWS);
	close(server);
}

static void test_an_answer_comes_to_the_new_side(void **state)
{
	struct relay_side *old = side_open(false), *new = side_open(false);
	struct way way = { .to = new };
	union saddr addr, client = client_of(0);
	int server = bound_socket(&addr);
	union saddr flow;

	(void)state;
	flow = flow_open(old, 0, &addr)->source;
	assert_int_equal(export_all(old, &way), 0);
	/* Until the new side serves, the old one relays. */
	assert_int_equal(sendto(server, "x", 1, 0, &flow.sa, sizeof(flow.v4)), 1);
	worker_turn(&old->ctx.worker);
	assert_true(session_find(old->udp, &client, &addr)->answered);
	udp_export_done(old->udp);
	assert_int_equal(sendto(server, "x", 1, 0, &flow.sa, sizeof(flow.v4)), 1);
	assert_false(session_find(new->udp, &client, &addr)->answered);
	worker_turn(&new->ctx.worker);
	assert_true(session_find(new->udp, &client, &addr)->answered);
	side_close(old);
	side_close(new);
	close(server);
}

static void test_undo_leaves_everything(void **state)
{
	struct relay_side *old = side_open(false);
	struct way way = { .to = NULL };
	union saddr addr, client = client_of(1);
	int server = bound_socket(&addr);
	struct session *s;

	(void)state;
	s = flow_open(old, 0, &addr);
	flow_open(old, 1, &addr);
	assert_int_equal(export_all(old, &way), 0);
	session_finish(s, END_ERROR, ECONNREFUSED);
	assert_int_equal(udp_sessions(old->udp), 2);
	assert_int_equal(clients_flows(old->relay.clients), 0);
	udp_export_undo(old->udp);
	assert_int_equal(clients_flows(old->relay.clients), 1);
	assert_int_equal(udp_sessions(old->udp), 1);
	assert_non_null(session_find(old->udp, &client, &addr));
	/* It may end at any time while it was not sent yet. */
	way.refuse = 0;
	assert_int_equal(export_all(old, &way), 0);
	udp_end_all(old->udp, END_DRAIN);
	assert_int_equal(udp_sessions(old->udp), 0);
	side_close(old);
	close(server);
}

/* The new relay has other options: no flow ends without a record. */
static void test_what_does_not_fit_gets_its_record(void **state)
{
	struct relay_side *old = side_open(false), *new = side_open(true);
	struct way way = { .to = new };
	unsigned int before = records("end=drain");
	union saddr addr;
	int server = bound_socket(&addr);

	(void)state;
	flow_open(old, 7, &addr);
	assert_int_equal(export_all(old, &way), 0);
	udp_export_done(old->udp);
	assert_int_equal(udp_sessions(new->udp), 0);
	assert_int_equal(records("end=drain"), before + 1);
	side_close(old);
	side_close(new);
	close(server);
}

static void test_strange_messages_are_refused(void **state)
{
	struct relay_side *new = side_open(false);
	uint8_t msg[256] = { 0 };
	int fds[1] = { -1 };

	(void)state;
	for (size_t len = 0; len < sizeof(msg); len++)
		assert_int_equal(udp_import(&new->udp, 1, msg, len, fds, 0), -EPROTO);
	msg[0] = 1;
	msg[2] = 184;
	msg[4] = 1;
	assert_int_equal(udp_import(&new->udp, 1, msg, 8 + 184, fds, 0), -EPROTO);
	assert_int_equal(udp_import(&new->udp, 1, msg, 8 + 183, fds, 1), -EPROTO);
	side_close(new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flows_keep_their_ports),
		cmocka_unit_test(test_an_answer_comes_to_the_new_side),
		cmocka_unit_test(test_undo_leaves_everything),
		cmocka_unit_test(test_what_does_not_fit_gets_its_record),
		cmocka_unit_test(test_strange_messages_are_refused),
	};
	union saddr addr;
	int failed, fd = mkstemp(log_path);

	if (fd < 0 || record_open(log_path, RECORD_TEXT, RECORD_INFO) || sink_start())
		return 1;
	door = bound_socket(&addr);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	sink_stop(1000);
	close(fd);
	unlink(log_path);
	return failed;
}
