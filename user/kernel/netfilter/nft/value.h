/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the registers of nf_tables hold while a rule runs: a field of the packet with some bits
 * masked or changed, a constant, or something unknown; and what that becomes in a rule of the model.
 * Knows no expression.
 */
#ifndef TPROXY_KERNEL_NETFILTER_NFT_VALUE_H
#define TPROXY_KERNEL_NETFILTER_NFT_VALUE_H

#include "kernel/netfilter/build.h"

enum value_kind {
	VALUE_UNKNOWN,
	VALUE_FIELD,
	VALUE_INDEX, /* that of the device which the field names */
	VALUE_CONSTANT,
	VALUE_ROUTE_MTU
};

/* (field & mask) ^ xor, as in the kernel's register; a constant is in xor. */
struct value {
	enum value_kind kind;
	enum fw_field field;
	bool native; /* a number in the byte order of this host */
	__u8 mask[FW_VALUE_LEN], xor[FW_VALUE_LEN];
	size_t len; /* of the whole field */
};

#define VALUE_REGS 20 /* of 4 bytes each */

struct values {
	struct value regs[VALUE_REGS];
};

/* The value of a register by its number in netlink messages; never NULL. */
struct value *values_reg(struct values *values, __u32 number);
void value_field(struct value *to, enum fw_field field, size_t len, bool native);
void value_constant(struct value *to, const void *data, size_t len);
/* AND and XOR as the bitwise expression does them. */
void value_bitwise(struct value *v, const void *and, const void * xor, size_t len);
void value_swap(struct value *v); /* the byte order of a number */

/* The value as the new one of a mark. */
void value_write(const struct value *v, struct fw_write *ret_write);

/* "The value is in one of these ranges", or with invert in none. */
struct value_test {
	bool invert;
	const struct fw_range *ranges; /* as in the register, one after the other */
	size_t n;
};
/* Adds the test to a rule as a condition; the rule counts as unread where it cannot be one. */
void value_compare(struct firewall *fw, struct fw_rule *rule, const struct value *v,
		   const struct value_test *test);

#endif
