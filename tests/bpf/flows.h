/* SPDX-License-Identifier: BSD-2-Clause */
/* Real TCP flows over lo, whose sockets own the packets of the tests. */
#ifndef FLOWS_H
#define FLOWS_H

#include "world.h"

struct tcp_flow {
	int listener, server, client;
};

static inline struct tcp_flow open_tcp(const char *server, const char *client, __u16 port)
{
	struct tcp_flow f;

	f.listener = listen_on(server, port);
	f.client = connect_to(bound_socket(SOCK_STREAM, client, CLIENT_PORT), server, port);
	f.server = accept4(f.listener, NULL, NULL, SOCK_CLOEXEC);
	must(f.server < 0, "accept");
	return f;
}

static inline unsigned int time_wait_sockets(void)
{
	FILE *f __cleanup_file = fopen("/proc/self/net/sockstat", "re");
	char line[256];
	unsigned int n = 0;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "TCP: inuse %*u orphan %*u tw %u", &n);
	return n;
}

/* The server closes first, so its end stays in TIME_WAIT. */
static inline void leave_time_wait(const char *server, const char *client, __u16 port)
{
	struct tcp_flow f = open_tcp(server, client, port);
	unsigned int before = time_wait_sockets();

	close(f.listener);
	close(f.server);
	close(f.client);
	for (int ms = 0; time_wait_sockets() <= before; ms++) {
		if (ms == 2000)
			tap_bail("no TIME_WAIT on port %u", port);
		usleep(1000);
	}
}

/* Sends `syn` over lo from a raw socket. Returns the sequence number of the SYN ACK. */
static inline __u32 cookie_for(const struct spec *syn)
{
	bool v6 = spec_is_v6(syn);
	size_t header = v6 ? IP6_LEN : IP4_LEN,
	       skip = v6 ? 0 : IP4_LEN; /* an IPv6 raw socket receives no IP header */
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	union address from = address_of(syn->src, 0), to = address_of(syn->dst, 0);
	const struct timeval limit = { .tv_sec = 2 };
	__u8 answer[256], *tcp = answer + skip;
	struct packet p;
	__u32 seq;

	packet_build(syn, &p);
	p.data[ETH_HLEN + header + 7]--;  /* sequence number: one before the ACK's */
	p.data[ETH_HLEN + header + 15]++; /* and the window keeps the checksum right */
	must(fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
		     bind(fd, &from.sa, sizeof(from)),
	     "raw socket");
	must(sendto(fd, p.data + ETH_HLEN + header, TCP_LEN, 0, &to.sa, sizeof(to)) != TCP_LEN,
	     "raw SYN");
	do {
		if (recv(fd, answer, sizeof(answer), 0) < (ssize_t)(skip + TCP_LEN))
			tap_bail("no SYN ACK from %s", syn->dst);
	} while (get16(tcp) != syn->dport || tcp[13] != (SYN | ACK));
	close(fd);
	memcpy(&seq, tcp + 4, sizeof(seq));
	return ntohl(seq);
}

#endif
