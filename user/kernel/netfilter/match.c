/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/netfilter/match.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <string.h>

/* ---- classes of packets ------------------------------------------------- */

void fw_packet_init(struct fw_packet *packet, __u8 family)
{
	const __be16 type = htons(family == AF_INET ? ETH_P_IP : ETH_P_IPV6);

	*packet = (struct fw_packet){ .family = family };
	fw_packet_set(packet, FW_FAMILY, &family, 1);
	fw_packet_set(packet, FW_ETHERTYPE, &type, sizeof(type));
}

void fw_packet_set(struct fw_packet *packet, enum fw_field field, const void *value, size_t len)
{
	struct fw_known *known = &packet->fields[field];

	*known = (struct fw_known){ .ranges = NULL };
	memcpy(known->value, value, len);
	memset(known->known, 0xff, sizeof(known->known));
}

void fw_packet_bits(struct fw_packet *packet, enum fw_field field, __u32 value, __u32 known)
{
	const __u32 wire_value = htonl(value & known), wire_known = htonl(known);

	fw_packet_set(packet, field, &wire_value, sizeof(wire_value));
	memcpy(packet->fields[field].known, &wire_known, sizeof(wire_known));
}

void fw_packet_device(struct fw_packet *packet, enum fw_field field, const char *name)
{
	fw_packet_set(packet, field, name, strnlen(name, IF_NAMESIZE - 1));
}

void fw_packet_ranges(struct fw_packet *packet, enum fw_field field, const struct fw_range *ranges,
		      size_t n)
{
	packet->fields[field] = (struct fw_known){ .ranges = ranges, .n = n };
}

static __u32 number(const __u8 *bytes)
{
	__u32 wire;

	memcpy(&wire, bytes, sizeof(wire));
	return ntohl(wire);
}

__u32 fw_known_value(const struct fw_packet *packet, enum fw_field field)
{
	return number(packet->fields[field].value);
}

__u32 fw_known_bits(const struct fw_packet *packet, enum fw_field field)
{
	return number(packet->fields[field].known);
}

/* ---- one condition ------------------------------------------------------ */

static bool is_in(const __u8 *value, const struct fw_range *range)
{
	return memcmp(value, range->lo, FW_VALUE_LEN) >= 0 &&
	       memcmp(value, range->hi, FW_VALUE_LEN) <= 0;
}

/* Do all known bits that the condition asks for agree with a value? */
static bool may_be(const struct fw_known *known, const struct fw_cond *cond, const __u8 *value)
{
	for (size_t i = 0; i < FW_VALUE_LEN; i++)
		if ((known->value[i] ^ value[i]) & cond->mask[i] & known->known[i])
			return false;
	return true;
}

static bool is_fully_known(const struct fw_known *known, const struct fw_cond *cond)
{
	for (size_t i = 0; i < FW_VALUE_LEN; i++)
		if (cond->mask[i] & ~known->known[i])
			return false;
	return true;
}

static bool is_exact(const struct fw_range *range)
{
	return !memcmp(range->lo, range->hi, FW_VALUE_LEN);
}

/* One value: is it in the ranges? */
static enum fw_match match_value(const struct firewall *fw, const struct fw_cond *cond,
				 const struct fw_known *known)
{
	const bool full = is_fully_known(known, cond);
	enum fw_match match = FW_NEVER;
	__u8 masked[FW_VALUE_LEN];

	for (size_t i = 0; i < FW_VALUE_LEN; i++)
		masked[i] = known->value[i] & cond->mask[i];
	for (__u32 i = 0; i < cond->n && match != FW_ALL; i++) {
		const struct fw_range *range = &fw->ranges[cond->first + i];

		if (full && is_in(masked, range))
			match = FW_ALL;
		else if (!full && (!is_exact(range) || may_be(known, cond, range->lo)))
			match = FW_SOME;
	}
	return match;
}

static bool covers(const struct fw_range *a, const struct fw_range *b)
{
	return memcmp(a->lo, b->lo, FW_VALUE_LEN) <= 0 && memcmp(a->hi, b->hi, FW_VALUE_LEN) >= 0;
}

static bool overlaps(const struct fw_range *a, const struct fw_range *b)
{
	return memcmp(a->lo, b->hi, FW_VALUE_LEN) <= 0 && memcmp(b->lo, a->hi, FW_VALUE_LEN) <= 0;
}

static bool is_unmasked(const struct fw_cond *cond)
{
	for (size_t i = 0; i < FW_VALUE_LEN; i++)
		if (cond->mask[i] != 0xff)
			return false;
	return true;
}

/* How much of one range of the packets is in a range of the condition. */
static enum fw_match match_range(const struct firewall *fw, const struct fw_cond *cond,
				 const struct fw_range *range)
{
	enum fw_match match = FW_NEVER;

	for (__u32 i = 0; i < cond->n; i++) {
		const struct fw_range *wanted = &fw->ranges[cond->first + i];

		if (covers(wanted, range))
			return FW_ALL;
		if (overlaps(wanted, range))
			match = FW_SOME;
	}
	return match;
}

static enum fw_match match_ranges(const struct firewall *fw, const struct fw_cond *cond,
				  const struct fw_known *known)
{
	size_t all = 0, never = 0;

	if (!is_unmasked(cond))
		return FW_SOME;
	for (size_t i = 0; i < known->n; i++) {
		enum fw_match match = match_range(fw, cond, &known->ranges[i]);

		all += match == FW_ALL;
		never += match == FW_NEVER;
	}
	if (all == known->n)
		return FW_ALL;
	return never == known->n ? FW_NEVER : FW_SOME;
}

static enum fw_match match_cond(const struct firewall *fw, const struct fw_cond *cond,
				const struct fw_packet *packet)
{
	const struct fw_known *known = &packet->fields[cond->field];
	enum fw_match match =
		known->ranges ? match_ranges(fw, cond, known) : match_value(fw, cond, known);

	return cond->invert ? FW_ALL - match : match;
}

enum fw_match fw_rule_matches(const struct firewall *fw, const struct fw_rule *rule,
			      const struct fw_packet *packet)
{
	enum fw_match match = rule->unread ? FW_SOME : FW_ALL;

	for (__u32 i = 0; i < rule->n && match != FW_NEVER; i++) {
		enum fw_match one = match_cond(fw, &fw->conds[rule->first + i], packet);

		if (one < match)
			match = one;
	}
	return match;
}
