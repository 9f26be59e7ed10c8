/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/rawicmp.h"

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <string.h>

#include "lib/inetsum.h"
#include "lib/util.h"
#include "relay/net/ancillary.h"
#include "relay/net/raw.h"

/* As the kernel's net.ipv4.icmp_msgs_per_sec and icmp_msgs_burst. */
#define ERRORS_PER_S 1000
#define ERRORS_BURST 50
#define QUOTED_TTL 64

struct rawicmp {
	int v4;
	int v6;
	uint64_t refilled; /* ms */
	unsigned int tokens;
};

struct rawicmp *rawicmp_new(void)
{
	struct rawicmp *raw = calloc(1, sizeof(*raw));

	if (!raw)
		return NULL;
	raw->tokens = ERRORS_BURST;
	raw->v4 = raw->v6 = -1;
	return raw;
}

/* Opened when first needed. Without descriptors it fails, and the next call tries again. */
static int socket_of(struct rawicmp *raw, sa_family_t family)
{
	int *fd = family == AF_INET ? &raw->v4 : &raw->v6;

	if (*fd < 0)
		*fd = raw_open(family, family == AF_INET ? IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
	return *fd;
}

void rawicmp_close(struct rawicmp *raw)
{
	if (!raw)
		return;
	cleanup_fd(&raw->v4);
	cleanup_fd(&raw->v6);
	free(raw);
}

/* The IP header as its sender made it, as far as we know, and the UDP header. */
static size_t quote4(const struct icmp_error *e, const struct udphdr *udp, uint8_t *buf)
{
	struct iphdr ip = { .version = 4,
			    .ihl = 5,
			    .tot_len = htons(sizeof(ip) + sizeof(*udp)),
			    .ttl = QUOTED_TTL,
			    .protocol = IPPROTO_UDP,
			    .saddr = e->src.v4.sin_addr.s_addr,
			    .daddr = e->dst.v4.sin_addr.s_addr };

	ip.check = inetsum_fold(inetsum_add(0, &ip, sizeof(ip)));
	memcpy(buf, &ip, sizeof(ip));
	memcpy(buf + sizeof(ip), udp, sizeof(*udp));
	return sizeof(ip) + sizeof(*udp);
}

static size_t quote6(const struct icmp_error *e, const struct udphdr *udp, uint8_t *buf)
{
	struct ip6_hdr ip = { .ip6_flow = htonl(6U << 28),
			      .ip6_plen = htons(sizeof(*udp)),
			      .ip6_nxt = IPPROTO_UDP,
			      .ip6_hlim = QUOTED_TTL,
			      .ip6_src = e->src.v6.sin6_addr,
			      .ip6_dst = e->dst.v6.sin6_addr };

	memcpy(buf, &ip, sizeof(ip));
	memcpy(buf + sizeof(ip), udp, sizeof(*udp));
	return sizeof(ip) + sizeof(*udp);
}

size_t rawicmp_format(const struct icmp_error *e, uint8_t *buf)
{
	bool v4 = e->src.sa.sa_family == AF_INET;
	struct udphdr udp = { .source = htons(saddr_port(&e->src)),
			      .dest = htons(saddr_port(&e->dst)),
			      .len = htons(sizeof(udp)) };
	struct icmphdr head = { .type = e->type, .code = e->code };
	size_t len = sizeof(head);

	/* RFC 1191 has the MTU in the second half of the word, RFC 4443 in all of it. */
	head.un.gateway = htonl(v4 ? e->info & 0xffff : e->info);
	len += v4 ? quote4(e, &udp, buf + len) : quote6(e, &udp, buf + len);
	memcpy(buf, &head, sizeof(head));
	if (v4) {
		head.checksum = inetsum_fold(inetsum_add(0, buf, len));
		memcpy(buf, &head, sizeof(head));
	}
	return len;
}

static bool may_send(struct rawicmp *raw, uint64_t now)
{
	uint64_t more = (now - raw->refilled) * ERRORS_PER_S / 1000;

	if (more) {
		raw->refilled = now;
		raw->tokens = more + raw->tokens > ERRORS_BURST ? ERRORS_BURST :
								  raw->tokens + (unsigned int)more;
	}
	if (!raw->tokens)
		return false;
	raw->tokens--;
	return true;
}

int rawicmp_send(struct rawicmp *raw, const struct icmp_error *e, uint64_t now)
{
	const struct ip_fields fields = { .ttl = e->ttl };
	struct ancillary control = { .len = 0 };
	uint8_t buf[RAWICMP_MAX];
	struct iovec iov = { buf, rawicmp_format(e, buf) };
	union saddr to = e->src, from = { .sa.sa_family = to.sa.sa_family };
	struct msghdr msg = {
		.msg_name = &to, .msg_namelen = saddr_len(&to), .msg_iov = &iov, .msg_iovlen = 1
	};
	int fd;

	if (!may_send(raw, now))
		return -EAGAIN;
	fd = socket_of(raw, to.sa.sa_family);
	if (fd < 0)
		return fd;
	saddr_set_port(&to, 0); /* raw sockets take the protocol from here */
	if (e->reporter.sa.sa_family == to.sa.sa_family)
		from = e->reporter;
	ancillary_add_source(&control, &from, e->device);
	ancillary_add_fields(&control, to.sa.sa_family, &fields);
	ancillary_attach(&control, &msg);
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}
