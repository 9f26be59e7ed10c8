/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which packets of a class a rule of the model matches. A class is what is known of packets: exact
 * values, ranges of values, or nothing. Pure.
 */
#ifndef TPROXY_KERNEL_NETFILTER_MATCH_H
#define TPROXY_KERNEL_NETFILTER_MATCH_H

#include "kernel/netfilter/model.h"

/* Ordered: a later one takes more. SOME also says that it is unknown. */
enum fw_match { FW_NEVER, FW_SOME, FW_ALL };

/* The values that a field has: one of which some bits are known, or any of these ranges. */
struct fw_known {
	__u8 value[FW_VALUE_LEN], known[FW_VALUE_LEN];
	const struct fw_range *ranges; /* the caller's; NULL: see value */
	size_t n;
};

struct fw_packet {
	__u8 family; /* AF_INET, AF_INET6 */
	struct fw_known fields[FW_FIELD_MAX];
};

/* Nothing is known but the family. */
void fw_packet_init(struct fw_packet *packet, __u8 family);
/* All bits of a field are known: value has len bytes. */
void fw_packet_set(struct fw_packet *packet, enum fw_field field, const void *value, size_t len);
/* These bits of a field of four bytes; host byte order. */
void fw_packet_bits(struct fw_packet *packet, enum fw_field field, __u32 value, __u32 known);
void fw_packet_device(struct fw_packet *packet, enum fw_field field, const char *name);
void fw_packet_ranges(struct fw_packet *packet, enum fw_field field, const struct fw_range *ranges,
		      size_t n);
/* Back to a number, in host byte order. */
__u32 fw_known_value(const struct fw_packet *packet, enum fw_field field);
__u32 fw_known_bits(const struct fw_packet *packet, enum fw_field field);

enum fw_match fw_rule_matches(const struct firewall *fw, const struct fw_rule *rule,
			      const struct fw_packet *packet);

#endif
