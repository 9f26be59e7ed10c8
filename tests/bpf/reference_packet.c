/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading headers. Only what has arrived counts, never what a length field promises. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "reference_packet.h"

#define TCP_FLAGS_AT 13
#define UDP_HEADER 8
#define MAX_EXTENSIONS 8 /* more of them are no sane sender's, and hide what follows */

static bool has(const struct ref_packet *p, size_t at, size_t n)
{
	return at <= p->n && n <= p->n - at;
}

static __u16 word(const __u8 *at)
{
	return (__u16)(at[0] << 8 | at[1]);
}

struct ref_addr ref_addr_of(__u8 family, const void *bytes)
{
	struct ref_addr a = { .family = family };

	memcpy(a.bytes, bytes, family == AF_INET ? 4 : 16);
	return a;
}

/* ---- upper layer ---------------------------------------------------------- */

static enum seen_kind read_upper(const struct ref_packet *p, struct seen *s)
{
	bool v6 = s->to.addr.family == AF_INET6;

	if (s->proto == (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return SEEN_ICMP;
	if (s->proto != IPPROTO_TCP && s->proto != IPPROTO_UDP)
		return SEEN_OTHER;
	if (!has(p, s->upper, s->proto == IPPROTO_TCP ? TCP_FLAGS_AT + 1 : UDP_HEADER))
		return SEEN_MALFORMED;
	s->from.port = word(p->at + s->upper);
	s->to.port = word(p->at + s->upper + 2);
	if (s->proto == IPPROTO_TCP)
		s->tcp_flags = p->at[s->upper + TCP_FLAGS_AT];
	return SEEN_FLOW;
}

/* ---- IPv4 ----------------------------------------------------------------- */

/* RFC 791 3.1. The options stand from `at` to `end`. */
static enum seen_kind read_options(const struct ref_packet *p, size_t at, size_t end)
{
	if (!has(p, at, end - at))
		return SEEN_MALFORMED;
	while (at < end) {
		__u8 type = p->at[at], length;

		if (type == 0) /* end of the list */
			break;
		if (type == 1) { /* no operation: the only other one without a length */
			at++;
			continue;
		}
		if (type == 131 || type == 137)
			return SEEN_SOURCE_ROUTE;
		if (at + 1 == end)
			return SEEN_MALFORMED;
		length = p->at[at + 1];
		if (length < 2 || length > end - at)
			return SEEN_MALFORMED;
		at += length;
	}
	return SEEN_FLOW;
}

static enum seen_kind read_ip4(const struct ref_packet *p, struct seen *s)
{
	const __u8 *ip = p->at + ETH_HLEN;
	enum seen_kind options;
	size_t header;
	__u16 fragment;

	if (!has(p, ETH_HLEN, 20))
		return SEEN_MALFORMED;
	header = (size_t)(ip[0] & 15) * 4;
	if (ip[0] >> 4 != 4 || header < 20)
		return SEEN_MALFORMED;
	s->from.addr = ref_addr_of(AF_INET, ip + 12);
	s->to.addr = ref_addr_of(AF_INET, ip + 16);
	s->proto = ip[9];
	s->bytes = word(ip + 2);
	s->upper = ETH_HLEN + header;
	s->bare = header == 20;
	memcpy(&s->id, ip + 4, 2);
	fragment = word(ip + 6);
	s->first_fragment = (fragment & 0x3fff) == 0x2000;
	options = read_options(p, ETH_HLEN + 20, ETH_HLEN + header);
	if (options != SEEN_FLOW)
		return options;
	return fragment & 0x1fff ? SEEN_FRAGMENT : read_upper(p, s);
}

/* ---- IPv6 ----------------------------------------------------------------- */

/* RFC 8200 4.5. The outermost fragment header is the one a receiver reassembles by. */
static enum seen_kind read_fragment_header(struct seen *s, const __u8 *header)
{
	__u16 offset = word(header + 2);
	bool later = offset & 0xfff8, more = offset & 1;

	if (s->first_fragment)
		return SEEN_FLOW;
	memcpy(&s->id, header + 4, 4);
	s->first_fragment = more && !later;
	return later ? SEEN_FRAGMENT : SEEN_FLOW;
}

static bool is_extension(__u8 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_DSTOPTS || proto == IPPROTO_ROUTING ||
	       proto == IPPROTO_FRAGMENT || proto == IPPROTO_AH;
}

/* RFC 8200 4.1, RFC 4302 2. SEEN_FLOW: the chain has an end, s->upper. */
static enum seen_kind read_extensions(const struct ref_packet *p, struct seen *s)
{
	for (int n = 0; is_extension(s->proto); n++) {
		const __u8 *header = p->at + s->upper;
		bool fragment = s->proto == IPPROTO_FRAGMENT;
		enum seen_kind kind;

		if (n == MAX_EXTENSIONS)
			return SEEN_HIDDEN;
		if (!has(p, s->upper, fragment ? 8 : 4))
			return SEEN_MALFORMED;
		if (s->proto == IPPROTO_ROUTING && header[3])
			return SEEN_SOURCE_ROUTE;
		kind = fragment ? read_fragment_header(s, header) : SEEN_FLOW;
		if (fragment)
			s->upper += 8;
		else if (s->proto == IPPROTO_AH)
			s->upper += ((size_t)header[1] + 2) * 4;
		else
			s->upper += ((size_t)header[1] + 1) * 8;
		s->proto = header[0];
		s->bare = false;
		if (kind == SEEN_FRAGMENT)
			return kind;
	}
	return SEEN_FLOW;
}

static enum seen_kind read_ip6(const struct ref_packet *p, struct seen *s)
{
	const __u8 *ip = p->at + ETH_HLEN;
	enum seen_kind kind;

	if (!has(p, ETH_HLEN, 40) || ip[0] >> 4 != 6)
		return SEEN_MALFORMED;
	s->from.addr = ref_addr_of(AF_INET6, ip + 8);
	s->to.addr = ref_addr_of(AF_INET6, ip + 24);
	s->proto = ip[6];
	s->bytes = word(ip + 4) ? word(ip + 4) + 40u : 0; /* RFC 2675 */
	s->upper = ETH_HLEN + 40;
	s->bare = true;
	kind = read_extensions(p, s);
	return kind == SEEN_FLOW ? read_upper(p, s) : kind;
}

void seen_read(const struct ref_packet *p, struct seen *ret_seen)
{
	__u16 type = word(p->at + 2 * ETH_ALEN);

	memset(ret_seen, 0, sizeof(*ret_seen));
	if (type == ETH_P_IP)
		ret_seen->kind = read_ip4(p, ret_seen);
	else if (type == ETH_P_IPV6)
		ret_seen->kind = read_ip6(p, ret_seen);
	else
		ret_seen->kind = SEEN_NOT_IP;
	/* A header that is cut off goes on in the next fragment. */
	if (ret_seen->kind == SEEN_MALFORMED && ret_seen->first_fragment)
		ret_seen->kind = SEEN_HIDDEN;
}

/* ---- quoted packets ------------------------------------------------------- */

static bool read_quoted4(const struct ref_packet *p, size_t at, struct seen *s)
{
	const __u8 *ip = p->at + at;

	if (!has(p, at, 20) || ip[0] >> 4 != 4 || (ip[0] & 15) < 5 || word(ip + 6) & 0x1fff)
		return false;
	s->from.addr = ref_addr_of(AF_INET, ip + 12);
	s->to.addr = ref_addr_of(AF_INET, ip + 16);
	s->proto = ip[9];
	s->upper = at + (size_t)(ip[0] & 15) * 4;
	return true;
}

static bool read_quoted6(const struct ref_packet *p, size_t at, struct seen *s)
{
	const __u8 *ip = p->at + at;

	if (!has(p, at, 40) || ip[0] >> 4 != 6)
		return false;
	s->from.addr = ref_addr_of(AF_INET6, ip + 8);
	s->to.addr = ref_addr_of(AF_INET6, ip + 24);
	s->proto = ip[6];
	s->upper = at + 40;
	return read_extensions(p, s) == SEEN_FLOW;
}

bool seen_quoted(const struct ref_packet *p, size_t at, __u8 family, struct seen *ret_seen)
{
	memset(ret_seen, 0, sizeof(*ret_seen));
	if (family == AF_INET ? !read_quoted4(p, at, ret_seen) : !read_quoted6(p, at, ret_seen))
		return false;
	if (!has(p, ret_seen->upper, 4)) /* RFC 792 and RFC 4443 promise no more than the ports */
		return false;
	ret_seen->from.port = word(p->at + ret_seen->upper);
	ret_seen->to.port = word(p->at + ret_seen->upper + 2);
	return true;
}
