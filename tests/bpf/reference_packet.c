/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads headers as the kernel's receive path does: the part of the frame that the IP header
 * declares to be the packet. Of a packet that did not arrive whole, which the kernel drops, the
 * part that arrived is read.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "reference_packet.h"

#define TCP_FLAGS_AT 13
#define TCP_HEADER 20
#define UDP_HEADER 8
#define MAX_EXTENSIONS 8 /* no sane sender uses more; they hide what follows */
#define MAX_TAGS 8
#define JUST_BEHIND_FIRST 8 /* RFC 1858 4: the offset from which flags can be rewritten */

#define NO_IP ((size_t)-1)

/* Is it part of the packet? */
static bool has(const struct seen *s, size_t at, size_t n)
{
	return at <= s->end && n <= s->end - at;
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

/* ---- upper layer -------------------------------------------------------- */

static bool is_flow_proto(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

static enum seen_kind read_upper(const struct ref_packet *p, struct seen *s)
{
	bool v6 = s->to.addr.family == AF_INET6;

	if (s->proto == (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return SEEN_ICMP;
	if (!is_flow_proto(s->proto))
		return SEEN_OTHER;
	if (!has(s, s->upper, s->proto == IPPROTO_TCP ? TCP_FLAGS_AT + 1 : UDP_HEADER))
		return SEEN_MALFORMED;
	s->from.port = word(p->at + s->upper);
	s->to.port = word(p->at + s->upper + 2);
	if (s->proto == IPPROTO_TCP)
		s->tcp_flags = p->at[s->upper + TCP_FLAGS_AT];
	return SEEN_FLOW;
}

/*
 * RFC 9293 3.1, tcp_parse_options: the rest of a broken list is not read. A header that is
 * longer than the packet is invalid (tcp_v4_rcv).
 */
bool seen_signed(const struct ref_packet *p, const struct seen *s)
{
	size_t at = s->upper + TCP_HEADER, end;

	if (!has(s, s->upper, TCP_HEADER))
		return false;
	end = s->upper + (size_t)(p->at[s->upper + 12] >> 4) * 4;
	if (end > s->said)
		return false;
	if (end > s->end)
		end = s->end;
	while (at < end && p->at[at] != 0) {
		__u8 kind = p->at[at], length;

		if (kind == 1) {
			at++;
			continue;
		}
		if (at + 1 == end)
			return false;
		length = p->at[at + 1];
		if (length < 2 || length > end - at)
			return false;
		if (kind == 19) /* RFC 2385: of this length or none */
			return length == 18;
		at += length;
	}
	return false;
}

/* ---- IPv4 --------------------------------------------------------------- */

/* RFC 791 3.1. The options are from `at` to `end`. */
static enum seen_kind read_options(const struct ref_packet *p, size_t at, size_t end)
{
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

/*
 * ip_rcv_core: bytes after the declared end are cut off. A length of 0 means a TCP packet that
 * GRO or GSO made too large for the field (iph_totlen), never a fragment. All fragments but the
 * last are cut to a multiple of 8 bytes (ip_frag_queue).
 */
static bool read_length4(const struct ref_packet *p, struct seen *s, size_t at, __u16 fragment)
{
	size_t length = word(p->at + at + 2), header = s->upper - at;

	s->bytes = (__u32)length;
	if (!length && p->gso_size && s->proto == IPPROTO_TCP && !(fragment & 0x3fff))
		length = p->n - at;
	if (length < header)
		return false;
	if (fragment & 0x2000)
		length = header + ((length - header) & ~(size_t)7);
	s->said = at + length;
	s->end = s->said < p->n ? s->said : p->n;
	return has(s, at, header);
}

static enum seen_kind read_ip4(const struct ref_packet *p, struct seen *s, size_t at)
{
	const __u8 *ip = p->at + at;
	enum seen_kind options;
	__u16 fragment;

	if (p->n - at < 20)
		return SEEN_NOT_IP;
	if (ip[0] >> 4 != 4 || (ip[0] & 15) < 5)
		return SEEN_NOT_IP;
	s->from.addr = ref_addr_of(AF_INET, ip + 12);
	s->to.addr = ref_addr_of(AF_INET, ip + 16);
	s->proto = ip[9];
	s->ttl = ip[8];
	s->upper = at + (size_t)(ip[0] & 15) * 4;
	s->bare = (ip[0] & 15) == 5;
	memcpy(&s->id, ip + 4, 2);
	fragment = word(ip + 6);
	s->first_fragment = (fragment & 0x3fff) == 0x2000;
	s->later_fragment = fragment & 0x1fff;
	s->dont_fragment = (fragment & 0x7fff) == 0x4000;
	options = read_length4(p, s, at, fragment) ? read_options(p, at + 20, s->upper) :
						     SEEN_MALFORMED;
	if (options != SEEN_FLOW)
		return is_flow_proto(s->proto) ? options : SEEN_OTHER;
	if (!(fragment & 0x1fff))
		return read_upper(p, s);
	if (s->proto == IPPROTO_TCP && (fragment & 0x1fff) * 8 == JUST_BEHIND_FIRST)
		return SEEN_FRAG_OVERLAP;
	return SEEN_FRAGMENT;
}

/* ---- IPv6 --------------------------------------------------------------- */

static bool is_extension(__u8 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_DSTOPTS || proto == IPPROTO_ROUTING ||
	       proto == IPPROTO_FRAGMENT || proto == IPPROTO_AH;
}

/* RFC 8200 4.5: a receiver reassembles by the outermost fragment header. */
static enum seen_kind read_fragment_header(struct seen *s, const __u8 *header)
{
	__u16 offset = word(header + 2) & 0xfff8;
	bool more = word(header + 2) & 1;

	if (s->first_fragment)
		return SEEN_FLOW;
	memcpy(&s->id, header + 4, 4);
	s->first_fragment = more && !offset;
	s->later_fragment = offset;
	if (!offset)
		return SEEN_FLOW;
	if (header[0] == IPPROTO_TCP && offset == JUST_BEHIND_FIRST)
		return SEEN_FRAG_OVERLAP;
	return SEEN_FRAGMENT;
}

static size_t extension_length(__u8 proto, const __u8 *header)
{
	if (proto == IPPROTO_FRAGMENT)
		return 8;
	if (proto == IPPROTO_AH) /* RFC 4302 2.2 */
		return ((size_t)header[1] + 2) * 4;
	return ((size_t)header[1] + 1) * 8;
}

/*
 * RFC 8200 4.1. SEEN_FLOW: the chain ends, at s->upper. ret_routed: segments are left, so the
 * destination is only the next one.
 */
static enum seen_kind read_extensions(const struct ref_packet *p, struct seen *s, bool *ret_routed)
{
	for (int n = 0; is_extension(s->proto); n++) {
		const __u8 *header = p->at + s->upper;
		enum seen_kind kind = SEEN_FLOW;

		if (n == MAX_EXTENSIONS)
			return SEEN_HIDDEN_CHAIN;
		if (!has(s, s->upper, s->proto == IPPROTO_FRAGMENT ? 8 : 4))
			return SEEN_MALFORMED;
		if (s->proto == IPPROTO_ROUTING && header[3])
			*ret_routed = true;
		if (s->proto == IPPROTO_FRAGMENT)
			kind = read_fragment_header(s, header);
		s->upper += extension_length(s->proto, header);
		s->proto = header[0];
		s->bare = false;
		if (kind != SEEN_FLOW)
			return kind;
	}
	return SEEN_FLOW;
}

/*
 * ip6_rcv_core: as declared. With length 0 the packet ends with the frame if hop-by-hop options
 * come first, which may have the real length (RFC 2675), and for a TCP packet that GRO or GSO
 * made too large; else the packet ends after the header.
 */
static void read_length6(const struct ref_packet *p, struct seen *s, size_t at)
{
	size_t length = word(p->at + at + 4), there = p->n - at - 40;

	s->bytes = length ? (__u32)length + 40 : 0;
	if (!length && (s->proto == IPPROTO_HOPOPTS || (s->proto == IPPROTO_TCP && p->gso_size)))
		length = there;
	s->said = at + 40 + length;
	s->end = s->said < p->n ? s->said : p->n;
}

/* TCP or UDP may follow the last header that was read. */
static bool may_be_flow(const struct seen *s)
{
	return is_flow_proto(s->proto) || is_extension(s->proto);
}

static enum seen_kind read_ip6(const struct ref_packet *p, struct seen *s, size_t at)
{
	const __u8 *ip = p->at + at;
	bool routed = false;
	enum seen_kind kind;

	if (p->n - at < 40 || ip[0] >> 4 != 6)
		return SEEN_NOT_IP;
	s->from.addr = ref_addr_of(AF_INET6, ip + 8);
	s->to.addr = ref_addr_of(AF_INET6, ip + 24);
	s->proto = ip[6];
	s->ttl = ip[7];
	s->upper = at + 40;
	s->bare = true;
	read_length6(p, s, at);
	kind = read_extensions(p, s, &routed);
	if (kind == SEEN_FLOW)
		kind = read_upper(p, s);
	if (routed && kind != SEEN_OTHER)
		return may_be_flow(s)        ? SEEN_ROUTING_HEADER :
		       kind == SEEN_FRAGMENT ? kind :
					       SEEN_OTHER;
	return kind;
}

/* ---- frames ------------------------------------------------------------- */

/*
 * Offset of the IP header, or NO_IP with the kind. __netif_receive_skb_core removes one priority
 * tag after the other (skb_vlan_untag, 802.1Q 6.9), and gives the packet to the VLAN's device
 * when the tag is a VLAN's.
 */
static size_t read_tags(const struct ref_packet *p, struct seen *s, __u16 *ret_type)
{
	size_t at = ETH_HLEN;
	__u16 type = word(p->at + 2 * ETH_ALEN);

	for (int n = 0; type == ETH_P_8021Q || type == ETH_P_8021AD; n++) {
		s->kind = n == MAX_TAGS ? SEEN_VLAN_TAGS : SEEN_NOT_IP;
		if (n == MAX_TAGS || p->n - at < 4)
			return NO_IP;
		s->kind = SEEN_VLAN;
		if (word(p->at + at) & 0xfff)
			return NO_IP;
		type = word(p->at + at + 2);
		at += 4;
	}
	*ret_type = type;
	s->tags = at - ETH_HLEN;
	return at;
}

void seen_read(const struct ref_packet *p, struct seen *ret_seen)
{
	__u16 type = 0;
	size_t at;

	memset(ret_seen, 0, sizeof(*ret_seen));
	at = read_tags(p, ret_seen, &type);
	if (at == NO_IP)
		return;
	if (type == ETH_P_IP)
		ret_seen->kind = read_ip4(p, ret_seen, at);
	else if (type == ETH_P_IPV6)
		ret_seen->kind = read_ip6(p, ret_seen, at);
	else
		ret_seen->kind = SEEN_NOT_IP;
	/* The rest of a header that is cut off is in the next fragment. */
	if (ret_seen->kind == SEEN_MALFORMED && ret_seen->first_fragment)
		ret_seen->kind = SEEN_HIDDEN;
}

/* ---- quoted packets ----------------------------------------------------- */

/* An error quotes the beginning only, so the quoted lengths do not say what is there. */
static bool read_quoted4(const struct ref_packet *p, size_t at, struct seen *s)
{
	const __u8 *ip = p->at + at;

	if (!has(s, at, 20) || ip[0] >> 4 != 4 || (ip[0] & 15) < 5 || word(ip + 6) & 0x1fff)
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
	bool routed = false;

	if (!has(s, at, 40) || ip[0] >> 4 != 6)
		return false;
	s->from.addr = ref_addr_of(AF_INET6, ip + 8);
	s->to.addr = ref_addr_of(AF_INET6, ip + 24);
	s->proto = ip[6];
	s->upper = at + 40;
	return read_extensions(p, s, &routed) == SEEN_FLOW && !routed;
}

bool seen_quoted(const struct ref_packet *p, const struct seen *s, size_t at, struct seen *ret_seen)
{
	bool v6 = s->to.addr.family == AF_INET6;

	memset(ret_seen, 0, sizeof(*ret_seen));
	ret_seen->end = s->end;
	if (v6 ? !read_quoted6(p, at, ret_seen) : !read_quoted4(p, at, ret_seen))
		return false;
	if (!has(ret_seen, ret_seen->upper, 4)) /* RFC 792, RFC 4443: no more than the ports */
		return false;
	ret_seen->from.port = word(p->at + ret_seen->upper);
	ret_seen->to.port = word(p->at + ret_seen->upper + 2);
	return true;
}
