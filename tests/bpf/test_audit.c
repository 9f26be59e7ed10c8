/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Audited flows, segment by segment: tproxy_ingress sees the client's, tproxy_egress the server's.
 * What is counted must be what the receiver accepts: retransmissions, gaps, and RSTs and FINs that
 * the receiver ignores, must not end or falsify the entry.
 */
#include "audit_conversations.h"

static const struct rule_spec rules[] = {
	{ 0,
	  "10.210.5.0/24,fd21:5::/64",
	  NULL,
	  { "tcp/80", "udp/53" },
	  TPROXY_ACTION_AUDIT,
	  0,
	  NULL },
	{ 1, "all", NULL, { "tcp/81" }, TPROXY_ACTION_PASS, 0, NULL },
	{ 2, "10.99.5.0/24", NULL, { "udp/53" }, TPROXY_ACTION_AUDIT, 0, NULL },
};

static int egress, table;

/* ifindex: where it came in, before it leaves by in0. gso_size: of many packets in one. */
static int run_gso(int prog, __u32 ifindex, __u32 gso_size, struct packet *p)
{
	struct __sk_buff in = { .ifindex = prog == egress ? if_nametoindex("in0") : ifindex,
				.ingress_ifindex = ifindex,
				.gso_size = gso_size };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = (__u32)p->len,
		    .ctx_in = &in, .ctx_size_in = sizeof(in), .repeat = 1);

	must(bpf_prog_test_run_opts(prog, &opts), "test run");
	return (int)opts.retval;
}

static int run_at(int prog, __u32 ifindex, struct packet *p)
{
	return run_gso(prog, ifindex, 0, p);
}

static void send_step(const struct world *w, const struct ends *e, const struct step *step)
{
	bool up = step->sender == CLIENT, v6 = strchr(e->server, ':');
	const struct spec spec = { .src = up ? e->client : e->server,
				   .dst = up ? e->server : e->client,
				   .sport = up ? e->port : 80,
				   .dport = up ? 80 : e->port,
				   .flags = step->flags,
				   .payload = step->payload };
	__u32 mine = up ? e->isn : SERVER_ISN, other = up ? SERVER_ISN : e->isn;
	struct packet p;
	__u8 *tcp;

	packet_build(&spec, &p);
	tcp = p.data + ETH_HLEN + (v6 ? IP6_LEN : IP4_LEN);
	put32(tcp + 4, mine + 1 + step->seq);
	put32(tcp + 8, other + 1 + step->ack);
	run_at(up ? w->ingress : egress, up ? w->in : w->out, &p);
}

static void check(const char *name, const struct tproxy_flow_key *key, const struct conversation *c)
{
	struct tproxy_audited a = { 0 };
	bool found = !bpf_map_lookup_elem(table, key, &a);

	if (!tap_ok(found && a.bytes[0] == c->up && a.bytes[1] == c->down && a.end == c->end &&
			    (!c->packets_up || a.packets[0] == c->packets_up),
		    name))
		tap_comment("%s: up %llu, down %llu, end %u, packets %llu",
			    found ? "found" : "not found", a.bytes[0], a.bytes[1], a.end,
			    a.packets[0]);
}

static void converse(const struct world *w, const struct ends *e, const struct conversation *c)
{
	struct tproxy_flow_key key;
	char name[100];

	for (size_t i = 0; i < ARRAY_SIZE(c->steps) && c->steps[i].flags; i++)
		send_step(w, e, &c->steps[i]);
	key_of(e, IPPROTO_TCP, 80, &key);
	snprintf(name, sizeof(name), "%s%s", c->name, strchr(e->server, ':') ? ", IPv6" : "");
	check(name, &key, c);
}

static void test_conversations(const struct world *w)
{
	struct ends four = { "10.98.0.9", "10.210.5.9", 0, CLIENT_ISN };
	struct ends six = { "fd98::9", "fd21:5::9", 0, CLIENT_ISN };

	for (size_t i = 0; i < ARRAY_SIZE(conversations); i++) {
		four.port = six.port = (__u16)(2000 + i);
		converse(w, &four, &conversations[i]);
		converse(w, &six, &conversations[i]);
	}
}

static size_t count_entries(void)
{
	struct tproxy_flow_key key, *prev = NULL;
	size_t n = 0;

	for (; !bpf_map_get_next_key(table, prev, &key); prev = &key)
		n++;
	return n;
}

/* The old entry stays, under another key, and the new one begins at nothing. */
static void test_reuse(const struct world *w)
{
	static const struct conversation first = { "the first of two flows with the same ports",
						   { OPEN, { CLIENT, ACK, 0, 0, 9 } },
						   9,
						   0,
						   TPROXY_AUDIT_NONE,
						   0 };
	static const struct conversation second = {
		"the second one", { OPEN, { CLIENT, ACK, 0, 0, 4 } }, 4, 0, TPROXY_AUDIT_NONE, 0
	};
	struct ends e = { "10.98.0.9", "10.210.5.9", 3000, 5000 };
	struct tproxy_flow_key key, *prev = NULL;
	struct tproxy_audited a = { 0 };
	size_t before = count_entries();

	converse(w, &e, &first);
	e.isn = 90000;
	converse(w, &e, &second);
	tap_ok(count_entries() == before + 2, "both have an entry");
	for (; !bpf_map_get_next_key(table, prev, &key); prev = &key)
		if (key.instance && key.sport == htons(e.port))
			bpf_map_lookup_elem(table, &key, &a);
	tap_ok(a.end == TPROXY_AUDIT_REUSED && a.bytes[0] == 9,
	       "the first one has ended as reused");
}

/* What no SYN began is none of ours, and a flow of another rule is not either. */
static void test_others(const struct world *w)
{
	struct ends e = { "10.98.0.9", "10.210.5.9", 4000, 5000 };
	struct step middle = { CLIENT, ACK, 0, 0, 100 };
	struct packet p;
	size_t before = count_entries();

	send_step(w, &e, &middle);
	packet_build(&(struct spec){ .dst = "10.210.5.9", .dport = 81 }, &p);
	tap_ok(run_at(w->ingress, w->in, &p) == TC_UNSPEC, "a flow of a pass rule passes");
	tap_ok(count_entries() == before, "and neither it nor a flow in its middle has an entry");
}

static void test_datagrams(const struct world *w)
{
	struct ends e = { "10.98.0.9", "10.210.5.9", 53, 0 };
	struct spec up = { .src = e.client,
			   .dst = e.server,
			   .proto = UDP,
			   .sport = 53,
			   .dport = 53,
			   .payload = 100 };
	struct spec down = { .src = e.server,
			     .dst = e.client,
			     .proto = UDP,
			     .sport = 53,
			     .dport = 53,
			     .payload = 300 };
	struct conversation c = {
		.up = 300, .down = 300, .end = TPROXY_AUDIT_NONE, .packets_up = 2
	};
	struct tproxy_flow_key key;
	struct packet p;

	packet_build(&up, &p);
	run_at(w->ingress, w->in, &p);
	/* The first fragment of a datagram of 200 bytes. */
	up.frag = MF;
	up.payload = 64;
	packet_build(&up, &p);
	put16(p.data + ETH_HLEN + IP4_LEN + 4, UDP_LEN + 200);
	run_at(w->ingress, w->in, &p);
	packet_build(&down, &p);
	run_at(egress, w->out, &p);
	key_of(&e, UDP, 53, &key);
	check("datagrams, one of them in fragments", &key, &c);
}

/* As from a tap: the kernel does not know the number of segments yet. */
static void test_segments(const struct world *w)
{
	struct ends e = { "10.98.0.9", "10.210.5.9", 6000, CLIENT_ISN };
	struct conversation c = {
		"the handshake of a flow with large packets", { OPEN }, 0, 0, TPROXY_AUDIT_NONE, 2
	};
	struct conversation sent = { .up = 501, .end = TPROXY_AUDIT_NONE, .packets_up = 2 + 6 };
	struct spec up = { .src = e.client,
			   .dst = e.server,
			   .sport = e.port,
			   .dport = 80,
			   .flags = ACK,
			   .payload = 501 };
	struct tproxy_flow_key key;
	struct packet p;

	converse(w, &e, &c);
	packet_build(&up, &p);
	put32(p.data + ETH_HLEN + IP4_LEN + 4, CLIENT_ISN + 1);
	put32(p.data + ETH_HLEN + IP4_LEN + 8, SERVER_ISN + 1);
	run_gso(w->ingress, w->in, 100, &p);
	key_of(&e, IPPROTO_TCP, 80, &key);
	check("a packet of six segments counts as six", &key, &sent);
	up.proto = UDP;
	up.dport = 53;
	up.payload = 300;
	packet_build(&up, &p);
	run_gso(w->ingress, w->in, 100, &p);
	key_of(&e, UDP, 53, &key);
	sent.up = 300;
	sent.packets_up = 3;
	check("and one of three datagrams as three", &key, &sent);
}

/* On a router with one interface, or with rules for both directions, an answer matches a rule. */
static void test_answers_that_match(const struct world *w)
{
	struct ends e = { "10.99.5.8", "10.99.5.9", 53, 0 };
	struct spec up = { .src = e.client,
			   .dst = e.server,
			   .proto = UDP,
			   .sport = 53,
			   .dport = 53,
			   .payload = 100 };
	struct spec down = up;
	struct conversation c = {
		.up = 200, .down = 60, .end = TPROXY_AUDIT_NONE, .packets_up = 2
	};
	struct tproxy_flow_key key;
	size_t before = count_entries();
	struct packet p;

	down.src = e.server;
	down.dst = e.client;
	down.payload = 30;
	for (int i = 0; i < 2; i++) {
		packet_build(&up, &p);
		run_at(w->ingress, w->in, &p);
		run_at(egress, w->in, &p);
		packet_build(&down, &p);
		run_at(w->ingress, w->in, &p);
		run_at(egress, w->in, &p);
	}
	key_of(&e, UDP, 53, &key);
	check("answers that match a rule, too", &key, &c);
	tap_ok(count_entries() == before + 1, "are no flow of their own");
}

/* A client may send segments with the address of its server to itself, by this host. */
static void test_forged_answers(const struct world *w)
{
	static const struct conversation c = { "a client that forges answers",
					       { { CLIENT, SYN, -1u, 0, 0 } },
					       0,
					       0,
					       TPROXY_AUDIT_NONE,
					       1 };
	const struct step forged = { SERVER, SYN | ACK, -1u, 0, 0 };

	for (int v6 = 0; v6 < 2; v6++) {
		struct ends e = { v6 ? "fd98::9" : "10.98.0.9", v6 ? "fd21:5::9" : "10.210.5.9",
				  5002, CLIENT_ISN };
		struct world there = *w;
		struct tproxy_flow_key key;
		struct tproxy_audited a = { 0 };

		converse(w, &e, &c);
		there.out = w->in;
		send_step(&there, &e, &forged);
		key_of(&e, IPPROTO_TCP, 80, &key);
		bpf_map_lookup_elem(table, &key, &a);
		tap_ok(!a.packets[1] && !(a.flags & TPROXY_AUDITED_SEEN << 1),
		       "they are not taken for the server's");
		send_step(w, &e, &forged);
		bpf_map_lookup_elem(table, &key, &a);
		tap_ok(a.packets[1] == 1, "but those that come from there are");
	}
}

/* 5 GB: the numbers wrap. */
static void test_large(const struct world *w)
{
	const __u32 step = 50000000;
	struct ends e = { "10.98.0.9", "10.210.5.9", 5000, CLIENT_ISN };
	struct conversation c = { "5 GB each way",         { OPEN }, 100ULL * step, 100ULL * step,
				  TPROXY_AUDIT_CLIENT_FIN, 0 };
	__u32 at = 0;

	for (int i = 0; i < 3; i++)
		send_step(w, &e, &c.steps[i]);
	memset(c.steps, 0, sizeof(c.steps));
	for (int i = 0; i < 100; i++) {
		at += step;
		send_step(w, &e, &(struct step){ CLIENT, ACK, at - 1000, at - step, 1000 });
		send_step(w, &e, &(struct step){ SERVER, ACK, at - 1000, at, 1000 });
	}
	c.steps[0] = (struct step){ CLIENT, FIN | ACK, at, at, 0 };
	c.steps[1] = (struct step){ SERVER, FIN | ACK, at, at + 1, 0 };
	c.steps[2] = (struct step){ CLIENT, ACK, at + 1, at + 1, 0 };
	converse(w, &e, &c);
}

/* A wrong checksum or a short TTL keeps a RST from the server, and no number tells. */
static void test_reset_after_quiet(const struct world *w)
{
	struct ends e = { "10.98.0.9", "10.210.5.9", 5001, CLIENT_ISN };
	struct conversation c = { "a client that resets",
				  { OPEN, { CLIENT, RST, 0, 0, 0 } },
				  0,
				  0,
				  TPROXY_AUDIT_CLIENT_RST,
				  0 };
	const struct step late = { CLIENT, ACK, 0, 0, 0 };
	struct tproxy_flow_key key;
	struct tproxy_audited a;

	converse(w, &e, &c);
	key_of(&e, IPPROTO_TCP, 80, &key);
	send_step(w, &e, &late);
	check("may have sent an acknowledgement before that", &key, &c);
	must(bpf_map_lookup_elem(table, &key, &a), "entry");
	a.last_ns -= 2000000000;
	put(table, &key, &a, "audited");
	send_step(w, &e, &late);
	c.end = TPROXY_AUDIT_NONE;
	check("one after a quiet time shows that the flow is open", &key, &c);
}

static int ask(const struct world *w, struct tproxy_audit_request *request)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = request, .ctx_size_in = sizeof(*request));

	return bpf_prog_test_run_opts(bpf_program__fd(w->skel->progs.tproxy_audit), &opts);
}

static void test_reader(const struct world *w)
{
	struct ends e = { "10.98.0.9", "10.210.5.9", 53, 0 };
	struct tproxy_audit_request r = { .op = TPROXY_AUDIT_OP_LOGGED };
	struct tproxy_audited a;

	key_of(&e, UDP, 53, &r.flow);
	must(bpf_map_lookup_elem(table, &r.flow, &a), "entry");
	r.begin_ns = a.begin_ns;
	must(ask(w, &r), "ask");
	must(bpf_map_lookup_elem(table, &r.flow, &a), "entry");
	tap_ok(a.flags & TPROXY_AUDITED_LOGGED, "the reader notes that the begin is logged");
	r.op = TPROXY_AUDIT_OP_EXPIRE;
	must(ask(w, &r), "ask");
	must(bpf_map_lookup_elem(table, &r.flow, &a), "entry");
	tap_ok(!a.end, "a flow that is not idle does not expire");
	a.last_ns -= 2 * TPROXY_AUDITED_UDP_IDLE_NS;
	put(table, &r.flow, &a, "audited");
	must(ask(w, &r), "ask");
	must(bpf_map_lookup_elem(table, &r.flow, &a), "entry");
	tap_ok(a.end == TPROXY_AUDIT_IDLE, "an idle one does");
	r.op = TPROXY_AUDIT_OP_DELETE;
	r.begin_ns++;
	must(ask(w, &r), "ask");
	tap_ok(!bpf_map_lookup_elem(table, &r.flow, &a),
	       "another flow with the key is not deleted");
	r.begin_ns--;
	must(ask(w, &r), "ask");
	tap_ok(bpf_map_lookup_elem(table, &r.flow, &a), "the one that is meant is");
}

/* Anybody can cause these, if a server answers a SYN with a forged address. */
static void test_half_open(const struct world *w)
{
	static const struct conversation c = { "a SYN whose answer the client does not acknowledge",
					       { { CLIENT, SYN, -1u, 0, 0 },
						 { SERVER, SYN | ACK, -1u, 0, 0 } },
					       0,
					       0,
					       TPROXY_AUDIT_NONE,
					       1 };
	struct ends e = { "10.98.0.9", "10.210.5.9", 5003, CLIENT_ISN };
	struct tproxy_audit_request r = { .op = TPROXY_AUDIT_OP_EXPIRE };
	struct tproxy_audited a;

	converse(w, &e, &c);
	key_of(&e, IPPROTO_TCP, 80, &r.flow);
	must(bpf_map_lookup_elem(table, &r.flow, &a), "entry");
	r.begin_ns = a.begin_ns;
	a.last_ns -= 2 * TPROXY_AUDITED_SYN_IDLE_NS;
	put(table, &r.flow, &a, "audited");
	must(ask(w, &r), "ask");
	must(bpf_map_lookup_elem(table, &r.flow, &a), "entry");
	tap_ok(a.end == TPROXY_AUDIT_IDLE, "is over after a minute");
}

int main(void)
{
	struct tproxy_config config;
	struct world w = { 0 };

	world_open(&w);
	egress = bpf_program__fd(w.skel->progs.tproxy_egress);
	table = bpf_map__fd(w.skel->maps.audited);
	fill_policy(policy_maps_maps(&w), rules, ARRAY_SIZE(rules));
	read_config(&w, &config);
	config.audit = 1;
	write_config(&w, &config);
	test_conversations(&w);
	test_reuse(&w);
	test_others(&w);
	test_datagrams(&w);
	test_segments(&w);
	test_answers_that_match(&w);
	test_forged_answers(&w);
	test_large(&w);
	test_reset_after_quiet(&w);
	test_reader(&w);
	test_half_open(&w);
	world_close(&w);
	return tap_done();
}
