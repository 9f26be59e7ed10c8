/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same surroundings twice: made in the kernel, and written down for the reference.
 * The kernel's routes are read back, for what it adds by itself differs between versions.
 */
#ifndef MUTATE_WORLD_H
#define MUTATE_WORLD_H

#include <netinet/tcp.h>
#include <time.h>

#include "corpus.h"
#include "flows.h"
#include "mutate_policy.h"
#include "reference.h"

/* ---- routes ------------------------------------------------------------- */

static inline int add_ref_route(const struct nlmsghdr *msg, void *arg)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(msg);
	const struct nlattr *table[RTA_MAX + 1] = { 0 };
	struct nl_attrs attrs = { table, RTA_MAX };
	struct ref_world *ref = arg;
	struct ref_route r = {
		.prefix = { .family = rt->rtm_family, .len = rt->rtm_dst_len },
		.local = rt->rtm_table == RT_TABLE_LOCAL,
		.forward = rt->rtm_type == RTN_UNICAST,
	};

	if (rt->rtm_flags & RTM_F_CLONED)
		return MNL_CB_OK;
	nl_parse(msg, sizeof(*rt), &attrs);
	if (table[RTA_DST])
		memcpy(r.prefix.addr, mnl_attr_get_payload(table[RTA_DST]),
		       rt->rtm_family == AF_INET ? 4 : 16);
	if (ref->n_routes == REF_MAX_ROUTES)
		tap_bail("more than %d routes", REF_MAX_ROUTES);
	ref->routes[ref->n_routes++] = r;
	return MNL_CB_OK;
}

static inline void read_routes(struct ref_world *ref)
{
	static const __u8 families[] = { AF_INET, AF_INET6 };
	struct nl nl __cleanup_nl = { 0 };

	must(nl_open(&nl), "rtnetlink");
	ref->n_routes = 0;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		char buf[NL_BUFFER];
		struct nlmsghdr *msg = nl_message(&nl, buf, RTM_GETROUTE, NLM_F_DUMP);
		struct rtmsg *rt = mnl_nlmsg_put_extra_header(msg, sizeof(*rt));

		rt->rtm_family = families[i];
		must(nl_query(&nl, msg, add_ref_route, ref), "routes");
	}
}

static inline void forward(struct ref_world *ref, bool on)
{
	set_forwarding(on);
	ref->forwarding = on;
	read_routes(ref);
}

/* Where Linux would forward to, contrary to what one may expect. */
static inline void open_more_routes(void)
{
	struct nl nl __cleanup_nl = { 0 };

	must(nl_open(&nl), "rtnetlink");
	add_route(&nl, "169.254.0.0/16", "out0");
	add_route(&nl, "240.0.0.0/4", "out0");
}

/* ---- sockets ------------------------------------------------------------ */

/* "::ffff:a.b.c.d" is an IPv4 end. */
static inline struct ref_end end_of(const char *address, __u16 port)
{
	static const __u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct prefix p = prefix_of(address);
	struct ref_end end = { .port = port };

	if (p.family == AF_INET6 && !memcmp(p.addr, mapped, sizeof(mapped)))
		end.addr = ref_addr_of(AF_INET, p.addr + 12);
	else
		end.addr = ref_addr_of(p.family, p.addr);
	return end;
}

static inline struct ref_socket *note(struct ref_world *ref, __u8 proto, enum ref_kind kind,
				      const char *address, __u16 port)
{
	struct ref_socket *s = &ref->sockets[ref->n_sockets++];

	if (ref->n_sockets > REF_MAX_SOCKETS)
		tap_bail("more than %d sockets", REF_MAX_SOCKETS);
	s->kind = kind;
	s->proto = proto;
	s->family = prefix_of(address).family;
	s->local = end_of(address, port);
	return s;
}

static inline void note_connected(struct ref_world *ref, __u8 proto, enum ref_kind kind,
				  const char *address, __u16 port, const char *peer,
				  __u16 peer_port)
{
	note(ref, proto, kind, address, port)->peer = end_of(peer, peer_port);
}

static inline int both_listen(struct ref_world *ref, const char *address, __u16 port)
{
	note(ref, IPPROTO_TCP, REF_BOUND, address, port);
	return listen_on(address, port);
}

static inline int both_bind_udp(struct ref_world *ref, const char *address, __u16 port)
{
	note(ref, IPPROTO_UDP, REF_BOUND, address, port);
	return bound_socket(SOCK_DGRAM, address, port);
}

static inline int both_connect_udp(struct ref_world *ref, const char *address, __u16 port,
				   const char *peer, __u16 peer_port)
{
	note_connected(ref, IPPROTO_UDP, REF_CONNECTED, address, port, peer, peer_port);
	return connect_to(bound_socket(SOCK_DGRAM, address, port), peer, peer_port);
}

/* A listener, and a flow with both of its ends. */
static inline void both_open_tcp(struct ref_world *ref, const char *server, const char *client,
				 __u16 port)
{
	open_tcp(server, client, port);
	note(ref, IPPROTO_TCP, REF_BOUND, server, port);
	note_connected(ref, IPPROTO_TCP, REF_CONNECTED, server, port, client, CLIENT_PORT);
	note_connected(ref, IPPROTO_TCP, REF_CONNECTED, client, CLIENT_PORT, server, port);
}

static inline void both_leave_time_wait(struct ref_world *ref, const char *server,
					const char *client, __u16 port)
{
	leave_time_wait(server, client, port);
	note_connected(ref, IPPROTO_TCP, REF_TIME_WAIT, server, port, client, CLIENT_PORT);
}

/* In SYN_RECV for as long as the client sends nothing. */
static inline void both_half_open(struct ref_world *ref, __u16 port)
{
	int lazy = bound_socket(SOCK_STREAM, SERVER4, port), seconds = 30;

	setsockopt(lazy, SOL_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
	must(listen(lazy, 16) ? -errno : 0, "listen");
	connect_to(bound_socket(SOCK_STREAM, CLIENT4, CLIENT_PORT), SERVER4, port);
	note(ref, IPPROTO_TCP, REF_BOUND, SERVER4, port);
	note_connected(ref, IPPROTO_TCP, REF_CONNECTED, SERVER4, port, CLIENT4, CLIENT_PORT);
	note_connected(ref, IPPROTO_TCP, REF_CONNECTED, CLIENT4, CLIENT_PORT, SERVER4, port);
}

static inline void open_tcp_sockets(struct ref_world *ref)
{
	both_open_tcp(ref, SERVER4, CLIENT4, 7000);
	both_open_tcp(ref, SERVER6, CLIENT6, 7000);
	both_open_tcp(ref, "::ffff:" SERVER4, "::ffff:" CLIENT4, 7001);
	both_open_tcp(ref, "10.77.1.1", CLIENT4, 7004);
	both_half_open(ref, 7003);
	both_listen(ref, "::", 8080);
	both_listen(ref, "0.0.0.0", 8081);
	both_listen(ref, "10.210.4.88", 80);
	both_listen(ref, "fd21:4::88", 80);
	for (__u16 port = 7100; port <= 7102; port++)
		both_leave_time_wait(ref, SERVER4, CLIENT4, port);
	both_leave_time_wait(ref, SERVER6, CLIENT6, 7100);
}

static inline void open_udp_sockets(struct ref_world *ref)
{
	both_bind_udp(ref, "10.210.1.78", 53);
	both_bind_udp(ref, "10.210.4.78", 53);
	both_bind_udp(ref, "fd21:1::78", 53);
	both_bind_udp(ref, "fd21:4::78", 53);
	both_bind_udp(ref, "10.77.1.1", 54);
	both_bind_udp(ref, "::", 5353);
	both_connect_udp(ref, "10.210.1.77", 53, "10.99.0.1", CLIENT_PORT);
	both_connect_udp(ref, "10.210.4.77", 53, "10.99.0.1", CLIENT_PORT);
	both_connect_udp(ref, "fd21:1::77", 53, "fd99::1", CLIENT_PORT);
	both_connect_udp(ref, "::ffff:10.210.4.79", 53, "::ffff:10.99.0.1", CLIENT_PORT);
	both_connect_udp(ref, "10.77.1.1", 53, "10.99.0.1", CLIENT_PORT);
}

/* The socket that was noted last, in every way of a class. */
static inline void both_register(const struct world *w, struct ref_world *ref, __u32 group,
				 enum tproxy_class cls, int fd)
{
	register_socket(w, group, cls, fd);
	ref->registered[group][cls] = (int)ref->n_sockets - 1;
}

static inline void open_proxies(const struct world *w, struct ref_world *ref)
{
	for (int g = 0; g < TPROXY_MAX_GROUPS; g++)
		for (int c = 0; c < TPROXY_CLASS_MAX; c++)
			ref->registered[g][c] = REF_NO_SOCKET;
	both_register(w, ref, GROUP_RELAY, TPROXY_TCP4, both_listen(ref, "127.0.0.1", 15002));
	both_register(w, ref, GROUP_RELAY, TPROXY_TCP6, both_listen(ref, "::1", 15002));
	both_register(w, ref, GROUP_RELAY, TPROXY_UDP4, both_bind_udp(ref, "127.0.0.1", 15002));
	both_register(w, ref, GROUP_RELAY, TPROXY_UDP6, both_bind_udp(ref, "::1", 15002));
	both_register(w, ref, GROUP_ODD, TPROXY_TCP4, both_listen(ref, "::", PORT_ANY));
	both_register(w, ref, GROUP_ODD, TPROXY_TCP6, both_listen(ref, "127.0.0.1", 15031));
	both_register(w, ref, GROUP_ODD, TPROXY_UDP4, both_listen(ref, "127.0.0.1", 15032));
	both_register(w, ref, GROUP_ODD, TPROXY_UDP6,
		      both_connect_udp(ref, "::1", 15033, "::1", 15034));
	both_listen(ref, "127.0.0.1", PORT_BOTH);
	both_listen(ref, "::1", PORT_BOTH);
	both_bind_udp(ref, "127.0.0.1", PORT_BOTH);
	both_bind_udp(ref, "::1", PORT_BOTH);
	both_listen(ref, "10.98.0.2", PORT_TCP4);
	both_bind_udp(ref, "fd98::2", PORT_UDP6);
	both_open_tcp(ref, SERVER4, CLIENT4, PORT_DIALLED);
	both_bind_udp(ref, "0.0.0.0", PORT_ANY);
}

/* ---- SYN cookies -------------------------------------------------------- */

/* The SYN's number is 99, the ACK's 100. */
static inline void both_send_cookie(struct ref_world *ref, __u16 port, const char *listener)
{
	const struct spec syn = { TO_SERVER4(port) };
	struct ref_cookie *c = &ref->cookies[ref->n_cookies++];

	both_listen(ref, listener, port);
	ref->sockets[ref->n_sockets - 1].sends_cookies = true;
	c->from = end_of(CLIENT4, CLIENT_PORT);
	c->to = end_of(SERVER4, port);
	c->seq = 100;
	c->ack = cookie_for(&syn) + 1;
}

/* From now on every listener answers by cookie. */
static inline void open_cookies(struct ref_world *ref)
{
	write_file("/proc/sys/net/ipv4/tcp_syncookies", "2");
	ref->always_cookies = true;
	both_send_cookie(ref, PORT_COOKIE, "0.0.0.0");
	both_send_cookie(ref, PORT_COOKIE_BOUND, SERVER4);
}

/* ---- older flows -------------------------------------------------------- */

static inline void both_remember(const struct world *w, struct ref_world *ref, const char *from,
				 const char *to, __u16 sport)
{
	struct ref_older *o = &ref->older[ref->n_older++];
	struct tproxy_flow_key key = { .proto = IPPROTO_UDP,
				       .sport = htons(sport),
				       .dport = htons(53) };
	struct tproxy_older older;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	older.seen = (__u64)now.tv_sec * 1000000000ULL + (__u64)now.tv_nsec;
	o->idle = sport == IDLE_PORT;
	if (o->idle)
		older.seen -= TPROXY_OLDER_IDLE_NS + 1;
	o->from = end_of(from, sport);
	o->to = end_of(to, 53);
	map_address(from, key.src);
	map_address(to, key.dst);
	put(bpf_map__fd(w->skel->maps.older), &key, &older, "older");
}

static inline void open_older(const struct world *w, struct ref_world *ref)
{
	both_remember(w, ref, "10.99.0.1", OLD4, CLIENT_PORT);
	both_remember(w, ref, "10.99.0.1", OLD4, IDLE_PORT);
	both_remember(w, ref, "fd99::1", OLD6, CLIENT_PORT);
	both_remember(w, ref, "fd99::1", OLD6, IDLE_PORT);
}

/* ---- everything --------------------------------------------------------- */

static inline void both_own(const struct world *w, struct ref_world *ref, const char *address)
{
	set_local(w, address);
	ref->own[ref->n_own++] = end_of(address, 0).addr;
}

static inline void both_open(const struct world *w, struct ref_world *ref)
{
	static const __u8 mac_out[ETH_ALEN] = { 2, 0, 0, 0, 0, 2 };

	ref->ifaces[0].ifindex = w->in;
	memcpy(ref->ifaces[0].mac, mac_host, ETH_ALEN);
	ref->ifaces[1].ifindex = w->out;
	memcpy(ref->ifaces[1].mac, mac_out, ETH_ALEN);
	both_own(w, ref, "10.77.1.1");
	both_own(w, ref, "fd77:1::1");
	both_own(w, ref, STALE4);
	both_own(w, ref, STALE6);
	open_more_routes();
	open_older(w, ref);
	open_tcp_sockets(ref);
	open_udp_sockets(ref);
	open_proxies(w, ref);
	open_cookies(ref);
}

#endif
