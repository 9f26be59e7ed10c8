/* SPDX-License-Identifier: BSD-2-Clause */
/* tproxy_ingress and SYN cookies: the ACK that completes a handshake no socket knows. */
#include "owner_world.h"

/* The ACK of a handshake whose SYN ACK had this sequence number; the SYN's was 99. */
static void check_cookie(const struct world *w, const char *name, const struct spec *ack,
			 __u32 cookie, const struct want *want)
{
	size_t at = ETH_HLEN + (spec_is_v6(ack) ? IP6_LEN : IP4_LEN) + 8;
	__be32 number = htonl(cookie + 1);
	struct packet p;

	packet_build(ack, &p);
	memcpy(p.data + at, &number, sizeof(number));
	check_packet(w, name, ack, &p, want);
}

static void test_cookies_of(const struct world *w, struct spec syn, const char *version)
{
	static const struct want nothing = NOTHING, late = KEPT(C(LATE));
	static const struct want wanted = KEPT(C(COOKIE)); /* the SYN was what the rule decided */
	struct spec ack = syn, elsewhere, reset;
	__u32 cookie = cookie_for(&syn);
	char name[100];

	ack.flags = ACK;
	elsewhere = reset = ack;
	elsewhere.dport = 7501; /* its listener never sent a cookie */
	reset.flags = RST | ACK;
	snprintf(name, sizeof(name), "SYN cookie, %s", version);
	check_cookie(w, name, &ack, cookie, &wanted);
	ack.flags = ACK | PSH;
	snprintf(name, sizeof(name), "SYN cookie, %s: with data", version);
	check_cookie(w, name, &ack, cookie, &wanted);
	snprintf(name, sizeof(name), "SYN cookie, %s: another number", version);
	check_cookie(w, name, &ack, cookie + 0x1000,
		     &late); /* the flow is noted as the proxy's now */
	snprintf(name, sizeof(name), "SYN cookie, %s: a listener that sent none", version);
	check_cookie(w, name, &elsewhere, cookie, &nothing);
	snprintf(name, sizeof(name), "SYN cookie, %s: reset", version);
	check_cookie(w, name, &reset, cookie, &late);
	ack.sport++;
	snprintf(name, sizeof(name), "SYN cookie, %s: another client", version);
	check_cookie(w, name, &ack, cookie, &nothing);
}

/* Shows the program a SYN for a listener that answers by cookie: from now on ACKs are checked. */
static void see_cookie(const struct world *w, const struct spec *syn, int rule)
{
	struct packet_case seen = { "SYN cookie: the SYN", *syn, WANTED(rule) };

	set_forwarding(false);
	check_cases(w, &seen, 1);
	set_forwarding(true);
}

static void test_cookies(const struct world *w)
{
	static const struct want nothing = NOTHING;
	struct spec syn4 = { TO_SERVER4(7500), .sport = 45000 }, ack4 = syn4;
	struct spec syn6 = { TO_SERVER6(7500), .sport = 45000 };

	listen_on("::", 7500);
	see_cookie(w, &syn4, 8);
	write_file("/proc/sys/net/ipv4/tcp_syncookies", "2"); /* always, not only under flood */
	ack4.flags = ACK;
	check_cookie(w, "SYN cookie: no SYN met a full queue", &ack4, cookie_for(&syn4), &nothing);
	see_cookie(w, &syn4, 8);
	w->skel->data_cookie->cookie_seen -= 121 * 1000000000ULL;
	check_cookie(w, "SYN cookie: the last one was long ago", &ack4, cookie_for(&syn4),
		     &nothing);
	tap_ok(!w->skel->data_cookie->cookie_seen, "SYN cookie: which is forgotten then");
	see_cookie(w, &syn4, 8);
	test_cookies_of(w, syn4, "IPv4");
	test_cookies_of(w, syn6, "IPv6");
}

int main(void)
{
	struct world w = { 0 };

	owner_world_open(&w);
	test_cookies(&w);
	world_close(&w);
	return tap_done();
}
