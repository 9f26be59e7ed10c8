/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/flows/capture.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/flows/flowset.h"
#include "lib/util.h"

#define SNAP 256 /* headers only */
#define BATCH 64
#define BUFFER (32 * 1024 * 1024)
#define VLAN_VID 0x0fff
#define MAX_TAGS 8
#define MAX_HEADERS 8

/* ---- parsing ------------------------------------------------------------ */

static unsigned int be16_at(const __u8 *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static bool parse_ports(const __u8 *udp, size_t len, struct tproxy_flow_key *key)
{
	if (len < 8)
		return false;
	memcpy(&key->sport, udp, sizeof(key->sport));
	memcpy(&key->dport, udp + 2, sizeof(key->dport));
	return true;
}

static bool parse_ipv4(const __u8 *data, size_t len, struct tproxy_flow_key *key)
{
	size_t header, total;

	if (len < 20 || data[0] >> 4 != 4)
		return false;
	header = (data[0] & 15) * 4u;
	total = be16_at(data + 2);
	if (total < len)
		len = total; /* the rest is padding */
	if (header < 20 || len < header || data[9] != IPPROTO_UDP || (be16_at(data + 6) & 0x1fff))
		return false;
	flow_key_make(key, AF_INET, data + 12, data + 16);
	return parse_ports(data + header, len - header, key);
}

/* Length of an extension header that may precede UDP, or 0. */
static size_t extension_len(__u8 type, const __u8 *header)
{
	switch (type) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return (header[1] + 1u) * 8;
	case IPPROTO_AH: /* RFC 4302 2.2: in 4-octet units, minus 2 */
		return (header[1] + 2u) * 4;
	case IPPROTO_FRAGMENT:
		return be16_at(header + 2) & 0xfff8 ? 0 : 8;
	default:
		return 0;
	}
}

static bool parse_ipv6(const __u8 *data, size_t len, struct tproxy_flow_key *key)
{
	size_t at = 40, total;
	__u8 type;

	if (len < 40 || data[0] >> 4 != 6)
		return false;
	total = 40 + be16_at(data + 4);
	if (total < len)
		len = total;
	flow_key_make(key, AF_INET6, data + 8, data + 24);
	type = data[6];
	for (int i = 0; i < MAX_HEADERS && type != IPPROTO_UDP; i++) {
		size_t size = len - at >= 8 ? extension_len(type, data + at) : 0;

		if (!size || size > len - at)
			return false;
		type = data[at];
		at += size;
	}
	return type == IPPROTO_UDP && parse_ports(data + at, len - at, key);
}

static bool parse_packet(__u16 protocol, const __u8 *data, size_t len, struct tproxy_flow_key *key)
{
	if (protocol == ETH_P_IP)
		return parse_ipv4(data, len, key);
	return protocol == ETH_P_IPV6 && parse_ipv6(data, len, key);
}

/*
 * The kernel has removed the first tag already; priority tags may be nested. Since Linux 6.10
 * (vlan_get_protocol_dgram) a packet that begins with a tag has the protocol after the tag.
 */
bool capture_parse(__u16 protocol, const __u8 *data, size_t len, struct tproxy_flow_key *ret_key)
{
	struct tproxy_flow_key key;

	for (int i = 0; i < MAX_TAGS; i++) {
		if (parse_packet(protocol, data, len, &key)) {
			*ret_key = key;
			return true;
		}
		if (len < 4 || (be16_at(data) & VLAN_VID))
			return false;
		protocol = (__u16)be16_at(data + 2);
		data += 4;
		len -= 4;
	}
	return false;
}

/* ---- collecting --------------------------------------------------------- */

#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (__u32)(SKF_AD_OFF + (what)))
#define LOAD_BYTE(at) BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at)
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define IF_BITS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, value, yes, no)
#define TAKE BPF_STMT(BPF_RET | BPF_K, SNAP)
#define DROP BPF_STMT(BPF_RET | BPF_K, 0)

/* A coarse filter; capture_parse decides. With SOCK_DGRAM offsets count from the network header. */
static int attach_filter(int fd)
{
	struct sock_filter code[] = {
		LOAD(SKF_AD_PKTTYPE),
		IF_EQUAL(PACKET_HOST, 2, 0),
		IF_EQUAL(PACKET_OUTGOING, 1, 0),
		DROP,
		LOAD(SKF_AD_VLAN_TAG_PRESENT),
		IF_EQUAL(0, 3, 0),
		LOAD(SKF_AD_VLAN_TAG),
		IF_BITS(VLAN_VID, 0, 1),
		DROP, /* the VLAN's device gets it as well */
		LOAD(SKF_AD_PROTOCOL),
		IF_EQUAL(ETH_P_IP, 0, 4),
		LOAD_BYTE(9),
		IF_EQUAL(IPPROTO_UDP, 0, 1),
		TAKE,
		DROP,
		IF_EQUAL(ETH_P_IPV6, 0, 5),
		LOAD_BYTE(6),
		IF_EQUAL(IPPROTO_TCP, 1, 0),
		IF_EQUAL(IPPROTO_ICMPV6, 0, 1),
		DROP,
		TAKE,
		IF_EQUAL(ETH_P_8021Q, 1, 0),
		IF_EQUAL(ETH_P_8021AD, 0, 1),
		TAKE,
		DROP,
	};
	const struct sock_fprog program = { ARRAY_SIZE(code), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -errno : 0;
}

/* On every device: a datagram that came in may leave by any of them. */
int capture_open(void)
{
	/* Protocol 0: nothing is collected before the filter is attached. */
	__cleanup_close int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct sockaddr_ll every = { .sll_family = AF_PACKET,
					   .sll_protocol = htons(ETH_P_ALL) };
	int size = BUFFER, err;

	if (fd < 0)
		return -errno;
	err = attach_filter(fd);
	if (err)
		return err;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (const struct sockaddr *)&every, sizeof(every)))
		return -errno;
	return take_fd(&fd);
}

struct batch {
	__u8 data[BATCH][SNAP];
	struct sockaddr_ll from[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr msgs[BATCH];
};

static int receive(int fd, struct batch *b)
{
	int n;

	for (int i = 0; i < BATCH; i++) {
		b->iov[i] = (struct iovec){ b->data[i], SNAP };
		b->msgs[i].msg_hdr = (struct msghdr){ .msg_name = &b->from[i],
						      .msg_namelen = sizeof(b->from[i]),
						      .msg_iov = &b->iov[i],
						      .msg_iovlen = 1 };
	}
	n = recvmmsg(fd, b->msgs, BATCH, MSG_DONTWAIT, NULL);
	return n < 0 ? -errno : n;
}

static void take_packet(const struct batch *b, int i,
			void (*fn)(const struct capture_datagram *datagram, void *arg), void *arg)
{
	const struct sockaddr_ll *from = &b->from[i];
	struct capture_datagram datagram = { .ifindex = from->sll_ifindex,
					     .leaves = from->sll_pkttype == PACKET_OUTGOING };

	if (capture_parse(ntohs(from->sll_protocol), b->data[i], b->msgs[i].msg_len, &datagram.key))
		fn(&datagram, arg);
}

static unsigned int lost_datagrams(int fd)
{
	struct tpacket_stats stats = { 0 };
	socklen_t len = sizeof(stats);

	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len);
	return stats.tp_drops;
}

int capture_run(int fd, unsigned int seconds,
		void (*fn)(const struct capture_datagram *datagram, void *arg), void *arg,
		unsigned int *ret_lost)
{
	__cleanup_free struct batch *b = calloc(1, sizeof(*b));
	__u64 now = monotonic_ms(), end = now + seconds * 1000ULL;

	if (!b)
		return -ENOMEM;
	for (; now < end; now = monotonic_ms()) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		int n = poll(&pfd, 1, (int)(end - now)) > 0 ? receive(fd, b) : 0;

		/* A device that goes down makes one read fail; the others still deliver. */
		for (int i = 0; i < n; i++)
			take_packet(b, i, fn, arg);
	}
	*ret_lost = lost_datagrams(fd);
	return 0;
}
