/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/netfilter/nft/value.h"

#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "lib/util.h"

struct value *values_reg(struct values *values, __u32 number)
{
	static struct value nowhere;
	__u32 at = VALUE_REGS;

	if (number >= NFT_REG_1 && number <= NFT_REG_4)
		at = (number - NFT_REG_1) * 4;
	else if (number >= NFT_REG32_00 && number <= NFT_REG32_15)
		at = number - NFT_REG32_00;
	if (at < VALUE_REGS)
		return &values->regs[at];
	nowhere = (struct value){ .kind = VALUE_UNKNOWN };
	return &nowhere;
}

void value_field(struct value *to, enum fw_field field, size_t len, bool native)
{
	*to = (struct value){ .kind = VALUE_FIELD, .field = field, .native = native, .len = len };
	memset(to->mask, 0xff, sizeof(to->mask));
}

void value_constant(struct value *to, const void *data, size_t len)
{
	*to = (struct value){ .kind = VALUE_CONSTANT, .native = true };
	to->len = len < sizeof(to->xor) ? len : sizeof(to->xor);
	memcpy(to->xor, data, to->len);
}

void value_bitwise(struct value *v, const void *and, const void * xor, size_t len)
{
	const __u8 *and_bytes = and, *xor_bytes = xor;

	if (len > sizeof(v->mask))
		v->kind = VALUE_UNKNOWN;
	for (size_t i = 0; i < len && i < sizeof(v->mask); i++) {
		v->mask[i] &= and_bytes[i];
		v->xor [i] = (v->xor [i] & and_bytes[i]) ^ xor_bytes[i];
	}
}

/* ---- byte order --------------------------------------------------------- */

static void swap_bytes(__u8 *bytes, size_t len)
{
	for (size_t i = 0; i < len / 2; i++) {
		__u8 byte = bytes[i];

		bytes[i] = bytes[len - 1 - i];
		bytes[len - 1 - i] = byte;
	}
}

static bool host_is_little(void)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

void value_swap(struct value *v)
{
	if (host_is_little()) {
		swap_bytes(v->mask, v->len);
		swap_bytes(v->xor, v->len);
	}
	v->native = !v->native;
}

/* ---- as a mark ---------------------------------------------------------- */

static __u32 number(const struct value *v, const __u8 *bytes)
{
	__u8 copy[sizeof(__u32)];
	__u32 value;

	memcpy(copy, bytes, sizeof(copy));
	if (!v->native && host_is_little())
		swap_bytes(copy, sizeof(copy));
	memcpy(&value, copy, sizeof(value));
	return value;
}

void value_write(const struct value *v, struct fw_write *ret_write)
{
	*ret_write = (struct fw_write){ .source = FW_FROM_UNKNOWN, .and = 0xffffffff };
	if (v->kind == VALUE_CONSTANT)
		*ret_write = (struct fw_write){ .source = FW_CONSTANT };
	else if (v->kind == VALUE_FIELD && v->field == FW_MARK)
		ret_write->source = FW_FROM_MARK;
	else if (v->kind == VALUE_FIELD && v->field == FW_CTMARK)
		ret_write->source = FW_FROM_CTMARK;
	else if (v->kind == VALUE_FIELD && v->len < sizeof(__u32))
		return;
	if (v->kind == VALUE_FIELD)
		ret_write->and = number(v, v->mask);
	if (v->kind == VALUE_FIELD || v->kind == VALUE_CONSTANT)
		ret_write->xor = number(v, v->xor);
}

/* ---- as a condition ----------------------------------------------------- */

static bool is_zero(const __u8 *bytes)
{
	static const __u8 zero[FW_VALUE_LEN];

	return !memcmp(bytes, zero, FW_VALUE_LEN);
}

static bool is_exact(const struct fw_range *range)
{
	return !memcmp(range->lo, range->hi, FW_VALUE_LEN);
}

static void canonical(const struct value *v, struct fw_range *range)
{
	if (v->native && host_is_little()) {
		swap_bytes(range->lo, v->len);
		swap_bytes(range->hi, v->len);
	}
}

static void canonical_mask(const struct value *v, __u8 *mask)
{
	memcpy(mask, v->mask, FW_VALUE_LEN);
	if (v->native && host_is_little())
		swap_bytes(mask, v->len);
}

static bool is_address(enum fw_field field)
{
	return field == FW_SADDR || field == FW_DADDR;
}

/* From the register's bytes to those of the field. False if the order of values is another one. */
static bool take_range(const struct value *v, const struct fw_range *from, struct fw_range *to)
{
	*to = *from;
	if ((v->native || !is_zero(v->xor)) && !is_exact(from))
		return false;
	for (size_t at = 0; at < FW_VALUE_LEN; at++) {
		to->lo[at] ^= v->xor [at];
		to->hi[at] ^= v->xor [at];
	}
	canonical(v, to);
	return true;
}

void value_compare(struct firewall *fw, struct fw_rule *rule, const struct value *v,
		   const struct value_test *test)
{
	__cleanup_free struct fw_range *ranges = calloc(test->n + 1, sizeof(*ranges));
	struct fw_cond cond = { .field = v->field, .invert = test->invert };
	bool readable = ranges && v->kind == VALUE_FIELD;

	for (size_t i = 0; i < test->n && readable; i++)
		readable = take_range(v, &test->ranges[i], &ranges[i]);
	if (!readable) {
		rule->unread = true;
		return;
	}
	canonical_mask(v, cond.mask);
	if (is_address(v->field))
		build_widen(&cond, ranges, test->n, v->len);
	build_cond(fw, rule, &cond, ranges, test->n);
}
