/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tproxy_lookup: a ticket for exactly this flow selects the socket of its slot, which
 * BPF_PROG_TEST_RUN shows by its cookie; without one the kernel's own look-up continues. A pool's
 * address selects the relay's socket, for every client.
 */
#include "run.h"

enum { SK_DROPPED = 0, SK_PASSED = 1 };

enum expected {
	NONE,   /* the kernel looks for a socket itself */
	CHOSEN, /* the socket of the ticket's slot */
	REFUSED,
};

struct flow {
	__u8 proto;
	const char *src;
	__u16 sport;
	const char *dst;
	__u16 dport;
};

/* Slots with a listener of the class, one that is empty, one with the wrong family. */
#define SLOT_EMPTY TPROXY_SLOT(1, TPROXY_TCP4, 0)
#define SLOT_OTHER TPROXY_SLOT(2, TPROXY_TCP4, 5)
#define SLOT_V4_IN_V6 TPROXY_SLOT(3, TPROXY_TCP6, 0)
#define SLOT_DUAL TPROXY_SLOT(3, TPROXY_TCP4, 0)
#define SLOT_TCP_IN_UDP TPROXY_SLOT(3, TPROXY_UDP4, 0)
#define SLOT_LAST TPROXY_SLOT(TPROXY_MAX_GROUPS - 1, TPROXY_UDP6, TPROXY_GROUP_WAYS - 1)
#define SLOT_BEYOND TPROXY_SOCKET_SLOTS
#define RELAY(cls) TPROXY_SLOT(0, cls, 3)

#define T IPPROTO_TCP
#define U IPPROTO_UDP
#define C4 "10.99.0.1"
#define S4 "10.210.1.5"
#define C6 "fd99::1"
#define S6 "fd21:1::5"

static const struct {
	struct flow flow;
	__u32 slot;
} tickets[] = {
	{ { T, C4, 40000, S4, 80 }, RELAY(TPROXY_TCP4) },
	{ { T, C6, 40000, S6, 80 }, RELAY(TPROXY_TCP6) },
	{ { U, C4, 40000, S4, 53 }, RELAY(TPROXY_UDP4) },
	{ { U, C6, 40000, S6, 53 }, RELAY(TPROXY_UDP6) },
	{ { T, C4, 40001, S4, 80 }, SLOT_OTHER },
	{ { T, C4, 40002, S4, 80 }, SLOT_EMPTY },
	{ { T, C6, 40003, S6, 80 }, SLOT_V4_IN_V6 },
	{ { T, C4, 40004, S4, 80 }, SLOT_DUAL },
	{ { U, C4, 40005, S4, 80 }, SLOT_TCP_IN_UDP },
	{ { U, C6, 40006, S6, 53 }, SLOT_LAST },
	{ { T, C4, 40007, S4, 80 }, SLOT_BEYOND },
	{ { T, C4, 65535, S4, 1 }, RELAY(TPROXY_TCP4) },
	{ { T, C4, 1, S4, 65535 }, RELAY(TPROXY_TCP4) },
	{ { T, C4, 0x1234, S4, 0x5678 }, RELAY(TPROXY_TCP4) },
	{ { T, "0.0.0.1", 1, "255.255.255.254", 1 }, RELAY(TPROXY_TCP4) },
	{ { T, "fd99::1:0:0:0", 1, "fd21::1:0:0", 1 }, RELAY(TPROXY_TCP6) },
};

static const struct {
	const char *name;
	struct flow flow;
	enum expected expected;
	__u32 slot; /* CHOSEN: whose socket */
} cases[] = {
	{ "TCP", { T, C4, 40000, S4, 80 }, CHOSEN, RELAY(TPROXY_TCP4) },
	{ "TCP again", { T, C4, 40000, S4, 80 }, CHOSEN, RELAY(TPROXY_TCP4) },
	{ "TCP, IPv6", { T, C6, 40000, S6, 80 }, CHOSEN, RELAY(TPROXY_TCP6) },
	{ "UDP", { U, C4, 40000, S4, 53 }, CHOSEN, RELAY(TPROXY_UDP4) },
	{ "UDP, IPv6", { U, C6, 40000, S6, 53 }, CHOSEN, RELAY(TPROXY_UDP6) },
	{ "another slot", { T, C4, 40001, S4, 80 }, CHOSEN, SLOT_OTHER },
	{ "the last slot of all", { U, C6, 40006, S6, 53 }, CHOSEN, SLOT_LAST },
	{ "a dual-stack socket for IPv4", { T, C4, 40004, S4, 80 }, CHOSEN, SLOT_DUAL },
	{ "empty slot", { T, C4, 40002, S4, 80 }, REFUSED, 0 },
	{ "slot beyond the map", { T, C4, 40007, S4, 80 }, REFUSED, 0 },
	{ "an IPv4 socket for IPv6", { T, C6, 40003, S6, 80 }, REFUSED, 0 },
	{ "a TCP socket for UDP", { U, C4, 40005, S4, 80 }, REFUSED, 0 },
	{ "largest source port", { T, C4, 65535, S4, 1 }, CHOSEN, RELAY(TPROXY_TCP4) },
	{ "largest destination port", { T, C4, 1, S4, 65535 }, CHOSEN, RELAY(TPROXY_TCP4) },
	{ "byte order of both ports", { T, C4, 0x1234, S4, 0x5678 }, CHOSEN, RELAY(TPROXY_TCP4) },
	{ "source port in the other byte order", { T, C4, 0x3412, S4, 0x5678 }, NONE, 0 },
	{ "destination port in the other byte order", { T, C4, 0x1234, S4, 0x7856 }, NONE, 0 },
	{ "ports exchanged", { T, C4, 80, S4, 40000 }, NONE, 0 },
	{ "ends exchanged", { T, S4, 80, C4, 40000 }, NONE, 0 },
	{ "another protocol", { U, C4, 40000, S4, 80 }, NONE, 0 },
	{ "another protocol the other way", { T, C4, 40000, S4, 53 }, NONE, 0 },
	{ "source port + 1", { T, C4, 40008, S4, 80 }, NONE, 0 },
	{ "source port - 1", { T, C4, 39999, S4, 80 }, NONE, 0 },
	{ "source port 0", { T, C4, 0, S4, 80 }, NONE, 0 },
	{ "destination port + 1", { T, C4, 40000, S4, 81 }, NONE, 0 },
	{ "destination port - 1", { T, C4, 40000, S4, 79 }, NONE, 0 },
	{ "destination port 0", { T, C4, 40000, S4, 0 }, NONE, 0 },
	{ "another source", { T, "10.99.0.2", 40000, S4, 80 }, NONE, 0 },
	{ "another network of the source", { T, "11.99.0.1", 40000, S4, 80 }, NONE, 0 },
	{ "another destination", { T, C4, 40000, "10.210.1.4", 80 }, NONE, 0 },
	{ "another network of the destination", { T, C4, 40000, "11.210.1.5", 80 }, NONE, 0 },
	{ "no address", { T, "0.0.0.0", 40000, "0.0.0.0", 80 }, NONE, 0 },
	{ "extreme addresses",
	  { T, "0.0.0.1", 1, "255.255.255.254", 1 },
	  CHOSEN,
	  RELAY(TPROXY_TCP4) },
	{ "IPv6: another source", { T, "fd99::2", 40000, S6, 80 }, NONE, 0 },
	{ "IPv6: first word of the source", { T, "fd98::1", 40000, S6, 80 }, NONE, 0 },
	{ "IPv6: second word of the source", { T, "fd99:0:0:1::1", 40000, S6, 80 }, NONE, 0 },
	{ "IPv6: third word of the source", { T, "fd99::1:0:1", 40000, S6, 80 }, NONE, 0 },
	{ "IPv6: another destination", { T, C6, 40000, "fd21:1::6", 80 }, NONE, 0 },
	{ "IPv6: first word of the destination", { T, C6, 40000, "fd22:1::5", 80 }, NONE, 0 },
	{ "IPv6: second word of the destination", { T, C6, 40000, "fd21:1:0:1::5", 80 }, NONE, 0 },
	{ "IPv6: third word of the destination", { T, C6, 40000, "fd21:1::1:0:5", 80 }, NONE, 0 },
	{ "IPv6: bits in every word",
	  { T, "fd99::1:0:0:0", 1, "fd21::1:0:0", 1 },
	  CHOSEN,
	  RELAY(TPROXY_TCP6) },
	{ "IPv6: another protocol", { U, C6, 40000, S6, 80 }, NONE, 0 },
	{ "IPv6: source port", { T, C6, 40001, S6, 80 }, NONE, 0 },
	{ "IPv6: destination port", { T, C6, 40000, S6, 443 }, NONE, 0 },
	{ "IPv6: UDP, source port", { U, C6, 40001, S6, 53 }, NONE, 0 },
	{ "UDP, destination port", { U, C4, 40000, S4, 54 }, NONE, 0 },
	{ "an IPv4 ticket is none for the mapped address's neighbour",
	  { T, "::fffe:10.99.0.1", 40000, "::fffe:10.210.1.5", 80 },
	  NONE,
	  0 },
};

static struct tproxy_flow_key key_of(const struct flow *f)
{
	struct tproxy_flow_key key = { .proto = f->proto };

	key.sport = htons(f->sport);
	key.dport = htons(f->dport);
	map_address(f->src, key.src);
	map_address(f->dst, key.dst);
	return key;
}

static void write_tickets(const struct world *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(tickets); i++) {
		struct tproxy_flow_key key = key_of(&tickets[i].flow);
		struct tproxy_ticket ticket = { .slot = tickets[i].slot };

		put(bpf_map__fd(w->skel->maps.tickets), &key, &ticket, "ticket");
	}
}

static void put_socket(const struct world *w, __u32 slot, int fd)
{
	__u64 value = (__u64)fd;

	put(bpf_map__fd(w->skel->maps.socks), &slot, &value, "socks");
}

static void open_sockets(const struct world *w)
{
	int v4 = listen_on("127.0.0.1", 15010);

	start_relay(w, 0, 15002);
	put_socket(w, SLOT_OTHER, v4);
	put_socket(w, SLOT_V4_IN_V6, v4);
	put_socket(w, SLOT_TCP_IN_UDP, v4);
	put_socket(w, SLOT_DUAL, listen_on("::", 15011));
	put_socket(w, SLOT_LAST, bound_socket(SOCK_DGRAM, "::1", 15012));
}

static __u64 cookie_in(const struct world *w, __u32 slot)
{
	__u64 cookie = 0;

	must(bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.socks), &slot, &cookie), "cookie");
	return cookie;
}

/* Local ports are in host order in this context, remote ones in network order. */
static struct bpf_sk_lookup context_of(const struct flow *f)
{
	struct bpf_sk_lookup ctx = { .protocol = f->proto };
	struct prefix src = prefix_of(f->src), dst = prefix_of(f->dst);

	ctx.family = src.family;
	ctx.remote_port = htons(f->sport);
	ctx.local_port = f->dport;
	if (src.family == AF_INET) {
		memcpy(&ctx.remote_ip4, src.addr, 4);
		memcpy(&ctx.local_ip4, dst.addr, 4);
	} else {
		memcpy(ctx.remote_ip6, src.addr, 16);
		memcpy(ctx.local_ip6, dst.addr, 16);
	}
	return ctx;
}

static bool counter_moved(const struct snapshot *before, const struct snapshot *after,
			  __u64 counters)
{
	struct snapshot delta = *after;

	subtract(&delta, before);
	return counts_match(&delta, counters);
}

/* counters: the ones that move, by one. */
static void check_counting(const struct world *w, const char *name, const struct flow *f,
			   enum expected expected, __u64 cookie, __u64 counters)
{
	struct bpf_sk_lookup ctx = context_of(f);
	struct snapshot before, after;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .ctx_out = &ctx, .ctx_size_out = sizeof(ctx), .repeat = 1);
	__u32 ret = expected == REFUSED ? SK_DROPPED : SK_PASSED;
	int err;

	read_snapshot(w, &before);
	err = bpf_prog_test_run_opts(w->lookup, &opts);
	read_snapshot(w, &after);
	if (!tap_ok(!err && opts.retval == ret && ctx.cookie == (expected == CHOSEN ? cookie : 0) &&
			    counter_moved(&before, &after, counters),
		    name))
		tap_comment("error %d, returned %u, cookie %llu of %llu", err, opts.retval,
			    (unsigned long long)ctx.cookie, (unsigned long long)cookie);
}

static void check(const struct world *w, const char *name, const struct flow *f,
		  enum expected expected, __u64 cookie)
{
	check_counting(w, name, f, expected, cookie, expected == CHOSEN ? C(LOOKUP) : 0);
}

/* ---- pools -------------------------------------------------------------- */

static const struct {
	const char *name;
	struct flow flow;
	bool pool;
} pool_cases[] = {
	{ "pool, TCP", { T, C4, 40000, "10.99.1.1", 22 }, true },
	{ "pool, UDP", { U, C4, 40000, "10.99.1.1", 22 }, true },
	{ "pool, TCP, IPv6", { T, C6, 40000, "fd99:1::1", 22 }, true },
	{ "pool, UDP, IPv6", { U, C6, 40000, "fd99:1::1", 22 }, true },
	{ "pool, from the address itself", { T, "10.99.1.1", 40000, "10.99.1.1", 22 }, true },
	{ "pool, byte order of the port", { T, C4, 40000, "10.99.1.1", 0x1234 }, true },
	{ "pool, the port in the other byte order", { T, C4, 40000, "10.99.1.1", 0x3412 }, false },
	{ "pool, another port", { T, C4, 40000, "10.99.1.1", 23 }, false },
	{ "pool, no port", { T, C4, 40000, "10.99.1.1", 0 }, false },
	{ "pool, another address", { T, C4, 40000, "10.99.1.2", 22 }, false },
	{ "pool, the source's address", { T, "10.99.1.1", 22, "10.99.1.2", 40000 }, false },
	{ "pool, IPv6: another address", { T, C6, 40000, "fd99:1::2", 22 }, false },
	{ "pool, IPv6: third word", { T, C6, 40000, "fd99:1::1:0:1", 22 }, false },
};

static void write_pool(int fd, const char *address, __u16 port)
{
	struct tproxy_pool_key key = { .port = htons(port) };
	struct tproxy_pool value = { .name = "test" };

	map_address(address, key.addr);
	put(fd, &key, &value, "pool");
}

static void write_pools(int fd)
{
	write_pool(fd, "10.99.1.1", 22);
	write_pool(fd, "10.99.1.1", 0x1234);
	write_pool(fd, "fd99:1::1", 22);
}

/* All ways of a class have the same socket here; test_ways shows that each is used. */
static __u32 relay_slot(const struct flow *f)
{
	bool v6 = prefix_of(f->dst).family == AF_INET6;

	return RELAY((f->proto == T ? TPROXY_TCP4 : TPROXY_UDP4) + v6);
}

static void test_pools(const struct world *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(pool_cases); i++) {
		const struct flow *f = &pool_cases[i].flow;
		bool pool = pool_cases[i].pool;

		check_counting(w, pool_cases[i].name, f, pool ? CHOSEN : NONE,
			       pool ? cookie_in(w, relay_slot(f)) : 0, pool ? C(POOL) : 0);
	}
}

static void test_pool_ticket(const struct world *w)
{
	const struct flow f = { T, C4, 50001, "10.99.1.1", 22 };
	struct tproxy_flow_key key = key_of(&f);
	struct tproxy_ticket ticket = { .slot = SLOT_OTHER };

	put(bpf_map__fd(w->skel->maps.tickets), &key, &ticket, "ticket");
	check(w, "a ticket goes before a pool", &f, CHOSEN, cookie_in(w, SLOT_OTHER));
	must(bpf_map_delete_elem(bpf_map__fd(w->skel->maps.tickets), &key), "delete");
}

/* Of 16 ways 15 have no socket: flows of many ports find the one that has. */
static void test_ways(const struct world *w)
{
	struct flow f = { T, C4, 0, "10.99.1.1", 22 };
	int chosen = 0, refused = 0, ports = 512;

	for (__u32 way = 1; way < TPROXY_GROUP_WAYS; way++) {
		__u32 slot = TPROXY_SLOT(0, TPROXY_TCP4, way);

		must(bpf_map_delete_elem(bpf_map__fd(w->skel->maps.socks), &slot), "delete");
	}
	for (int port = 1; port <= ports; port++) {
		struct bpf_sk_lookup ctx;
		LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
			    .ctx_out = &ctx, .ctx_size_out = sizeof(ctx), .repeat = 1);

		f.sport = (__u16)(40000 + port);
		ctx = context_of(&f);
		must(bpf_prog_test_run_opts(w->lookup, &opts), "run");
		chosen += opts.retval == SK_PASSED && ctx.cookie;
		refused += opts.retval == SK_DROPPED;
	}
	if (!tap_ok(chosen + refused == ports && chosen >= ports / 32 && chosen <= ports / 8,
		    "pool, flows are spread over the ways"))
		tap_comment("%d chosen, %d refused of %d", chosen, refused, ports);
}

static void test_pool_without_relay(const struct world *w)
{
	for (__u32 slot = 0; slot < TPROXY_GROUP_SLOTS; slot++)
		bpf_map_delete_elem(bpf_map__fd(w->skel->maps.socks), &slot);
	for (size_t i = 0; i < ARRAY_SIZE(pool_cases); i++)
		if (pool_cases[i].pool)
			check_counting(w, pool_cases[i].name, &pool_cases[i].flow, REFUSED, 0,
				       C(POOL_DOWN));
}

/* A socket that closes is removed from its slot, and its flows are refused. */
static void test_closing(const struct world *w)
{
	const struct flow f = { T, C4, 50000, S4, 80 };
	const __u32 slot = TPROXY_SLOT(4, TPROXY_TCP4, 0);
	struct tproxy_flow_key key = key_of(&f);
	struct tproxy_ticket ticket = { .slot = slot };
	int fd = listen_on("127.0.0.1", 15020);

	check(w, "before the ticket", &f, NONE, 0);
	put(bpf_map__fd(w->skel->maps.tickets), &key, &ticket, "ticket");
	check(w, "before the socket", &f, REFUSED, 0);
	put_socket(w, slot, fd);
	check(w, "with both", &f, CHOSEN, cookie_in(w, slot));
	close(fd);
	check(w, "after the socket", &f, REFUSED, 0);
	must(bpf_map_delete_elem(bpf_map__fd(w->skel->maps.tickets), &key), "delete");
	check(w, "after the ticket", &f, NONE, 0);
}

int main(void)
{
	struct world w = { 0 };

	world_open(&w);
	open_sockets(&w);
	check(&w, "no ticket at all", &cases[0].flow, NONE, 0);
	write_tickets(&w);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool chosen = cases[i].expected == CHOSEN;

		check(&w, cases[i].name, &cases[i].flow, cases[i].expected,
		      chosen ? cookie_in(&w, cases[i].slot) : 0);
	}
	test_closing(&w);
	write_pools(bpf_map__fd(w.skel->maps.pools));
	test_pools(&w);
	test_pool_ticket(&w);
	test_ways(&w);
	test_pool_without_relay(&w);
	world_close(&w);
	return tap_done();
}
