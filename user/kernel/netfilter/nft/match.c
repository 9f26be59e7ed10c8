/* SPDX-License-Identifier: BSD-2-Clause */
/* What a rule of nf_tables asks. */
#include "kernel/netfilter/nft/rule.h"

#include <libnftnl/expr.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/netfilter/xt/xt.h"
#include "lib/util.h"

#define MAX_VERDICTS 256 /* of a map; each becomes a rule of the model */

static __u32 get(const struct nftnl_expr *expr, __u16 attr)
{
	return nftnl_expr_is_set(expr, attr) ? nftnl_expr_get_u32(expr, attr) : 0;
}

static void unknown(struct value *to)
{
	*to = (struct value){ .kind = VALUE_UNKNOWN };
}

/* ---- loads -------------------------------------------------------------- */

static void load_meta(struct nft_reading *r, const struct nftnl_expr *expr)
{
	struct value *to = values_reg(&r->values, get(expr, NFTNL_EXPR_META_DREG));
	const __u32 key = get(expr, NFTNL_EXPR_META_KEY);

	unknown(to);
	if (key == NFT_META_IIFNAME)
		value_field(to, FW_IIF, IF_NAMESIZE, false);
	else if (key == NFT_META_OIFNAME)
		value_field(to, FW_OIF, IF_NAMESIZE, false);
	else if (key == NFT_META_IIF || key == NFT_META_OIF)
		*to = (struct value){ .kind = VALUE_INDEX,
				      .field = key == NFT_META_IIF ? FW_IIF : FW_OIF };
	else if (key == NFT_META_NFPROTO)
		value_field(to, FW_FAMILY, 1, false);
	else if (key == NFT_META_PROTOCOL)
		value_field(to, FW_ETHERTYPE, 2, false);
	else if (key == NFT_META_L4PROTO)
		value_field(to, FW_PROTO, 1, false);
	else if (key == NFT_META_MARK)
		value_field(to, FW_MARK, 4, true);
}

struct place {
	__u8 layer3; /* 0: any */
	__u32 base, offset, len;
	enum fw_field field;
};

static const struct place places[] = {
	{ AF_INET, NFT_PAYLOAD_NETWORK_HEADER, 9, 1, FW_PROTO },
	{ AF_INET, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, FW_SADDR },
	{ AF_INET, NFT_PAYLOAD_NETWORK_HEADER, 16, 4, FW_DADDR },
	{ AF_INET6, NFT_PAYLOAD_NETWORK_HEADER, 8, 16, FW_SADDR },
	{ AF_INET6, NFT_PAYLOAD_NETWORK_HEADER, 24, 16, FW_DADDR },
	{ 0, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, FW_SPORT },
	{ 0, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, FW_DPORT },
	{ 0, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, FW_TCPFLAGS },
};

/* The first bytes of an address are enough for a prefix. */
static bool is_place(const struct place *place, const struct nft_reading *r, __u32 len)
{
	const bool address = place->field == FW_SADDR || place->field == FW_DADDR;

	return (!place->layer3 || place->layer3 == r->layer3) &&
	       (len == place->len || (address && len && len < place->len));
}

static void load_payload(struct nft_reading *r, const struct nftnl_expr *expr)
{
	struct value *to = values_reg(&r->values, get(expr, NFTNL_EXPR_PAYLOAD_DREG));
	const __u32 base = get(expr, NFTNL_EXPR_PAYLOAD_BASE);
	const __u32 offset = get(expr, NFTNL_EXPR_PAYLOAD_OFFSET);
	const __u32 len = get(expr, NFTNL_EXPR_PAYLOAD_LEN);

	unknown(to);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const struct place *place = &places[i];

		if (place->base != base || place->offset != offset || !is_place(place, r, len))
			continue;
		value_field(to, place->field, place->len, false);
		memset(to->mask + len, 0, place->len - len);
	}
}

static void load_ct(struct nft_reading *r, const struct nftnl_expr *expr)
{
	struct value *to = values_reg(&r->values, get(expr, NFTNL_EXPR_CT_DREG));
	const __u32 key = get(expr, NFTNL_EXPR_CT_KEY);

	unknown(to);
	if (key == NFT_CT_STATE)
		value_field(to, FW_CTSTATE, 4, true);
	else if (key == NFT_CT_MARK)
		value_field(to, FW_CTMARK, 4, true);
}

static void load_socket(struct nft_reading *r, const struct nftnl_expr *expr)
{
	struct value *to = values_reg(&r->values, get(expr, NFTNL_EXPR_SOCKET_DREG));

	unknown(to);
	if (get(expr, NFTNL_EXPR_SOCKET_KEY) == NFT_SOCKET_TRANSPARENT)
		value_field(to, FW_TRANSPARENT, 1, false);
}

static void load_fib(struct nft_reading *r, const struct nftnl_expr *expr)
{
	struct value *to = values_reg(&r->values, get(expr, NFTNL_EXPR_FIB_DREG));

	unknown(to);
	if (get(expr, NFTNL_EXPR_FIB_RESULT) == NFT_FIB_RESULT_ADDRTYPE &&
	    get(expr, NFTNL_EXPR_FIB_FLAGS) & NFTA_FIB_F_DADDR)
		value_field(to, FW_DSTTYPE, 4, true);
}

/* ---- changes ------------------------------------------------------------ */

static void read_bitwise(struct nft_reading *r, const struct nftnl_expr *expr)
{
	struct value value = *values_reg(&r->values, get(expr, NFTNL_EXPR_BITWISE_SREG));
	struct value *to = values_reg(&r->values, get(expr, NFTNL_EXPR_BITWISE_DREG));
	__u32 len = 0, xor_len = 0;
	const void *and = nftnl_expr_get(expr, NFTNL_EXPR_BITWISE_MASK, &len);
	const void * xor = nftnl_expr_get(expr, NFTNL_EXPR_BITWISE_XOR, &xor_len);

	if (get(expr, NFTNL_EXPR_BITWISE_OP) || !and || !xor || len != xor_len) {
		unknown(to);
		return;
	}
	value_bitwise(&value, and, xor, len);
	*to = value;
}

static void read_byteorder(struct nft_reading *r, const struct nftnl_expr *expr)
{
	struct value value = *values_reg(&r->values, get(expr, NFTNL_EXPR_BYTEORDER_SREG));
	struct value *to = values_reg(&r->values, get(expr, NFTNL_EXPR_BYTEORDER_DREG));

	if (value.kind == VALUE_FIELD && value.len == get(expr, NFTNL_EXPR_BYTEORDER_LEN))
		value_swap(&value);
	else if (value.kind != VALUE_ROUTE_MTU)
		unknown(&value);
	*to = value;
}

/* ---- comparisons -------------------------------------------------------- */

static void compare_index(struct nft_reading *r, const struct value *v, bool invert, __u32 index)
{
	struct fw_cond cond = { .field = v->field, .invert = invert };
	char name[IF_NAMESIZE];

	memset(cond.mask, 0xff, sizeof(cond.mask));
	if (if_indextoname(index, name))
		build_device(r->fw, &r->rule, &cond, name, false);
	else
		r->rule.unread = true;
}

static bool is_device(const struct value *v)
{
	return v->kind == VALUE_FIELD && (v->field == FW_IIF || v->field == FW_OIF);
}

/* Of an equal family, the offsets of its addresses are known from here on. */
static void note_layer3(struct nft_reading *r, const struct value *v, const __u8 *data)
{
	const int type = data[0] << 8 | data[1];

	if (v->kind != VALUE_FIELD || r->layer3)
		return;
	if (v->field == FW_FAMILY)
		r->layer3 = data[0];
	else if (v->field == FW_ETHERTYPE && (type == ETH_P_IP || type == ETH_P_IPV6))
		r->layer3 = type == ETH_P_IP ? AF_INET : AF_INET6;
}

/* "<" is "not >=", ">" is "not <=". */
static void make_test(__u32 op, const struct fw_range *at, struct fw_range *range,
		      struct value_test *test)
{
	*range = *at;
	*test = (struct value_test){ .ranges = range, .n = 1 };
	test->invert = op == NFT_CMP_NEQ || op == NFT_CMP_LT || op == NFT_CMP_GT;
	if (op == NFT_CMP_LT || op == NFT_CMP_GTE)
		memset(range->hi, 0xff, sizeof(range->hi));
	else if (op == NFT_CMP_GT || op == NFT_CMP_LTE)
		memset(range->lo, 0, sizeof(range->lo));
}

static void read_cmp(struct nft_reading *r, const struct nftnl_expr *expr)
{
	const struct value *v = values_reg(&r->values, get(expr, NFTNL_EXPR_CMP_SREG));
	const __u32 op = get(expr, NFTNL_EXPR_CMP_OP);
	struct fw_range at = { 0 }, range;
	struct value_test test;
	__u32 len = 0, index;
	const void *data = nftnl_expr_get(expr, NFTNL_EXPR_CMP_DATA, &len);

	if (!data || len > FW_VALUE_LEN) {
		r->rule.unread = true;
		return;
	}
	memcpy(at.lo, data, len);
	memcpy(at.hi, data, len);
	if (v->kind == VALUE_INDEX && (op == NFT_CMP_EQ || op == NFT_CMP_NEQ)) {
		memcpy(&index, at.lo, sizeof(index));
		compare_index(r, v, op == NFT_CMP_NEQ, index);
		return;
	}
	if (op == NFT_CMP_EQ)
		note_layer3(r, v, at.lo);
	make_test(op, &at, &range, &test);
	/* A name without its closing zero is the beginning of names. */
	if (is_device(v) && !memchr(data, 0, len))
		memset(range.hi + len, 0xff, FW_VALUE_LEN - len);
	value_compare(r->fw, &r->rule, v, &test);
}

static void read_range(struct nft_reading *r, const struct nftnl_expr *expr)
{
	const struct value *v = values_reg(&r->values, get(expr, NFTNL_EXPR_RANGE_SREG));
	__u32 lo_len = 0, hi_len = 0;
	const void *lo = nftnl_expr_get(expr, NFTNL_EXPR_RANGE_FROM_DATA, &lo_len);
	const void *hi = nftnl_expr_get(expr, NFTNL_EXPR_RANGE_TO_DATA, &hi_len);
	struct fw_range range = { 0 };
	struct value_test test = { .ranges = &range, .n = 1 };

	if (!lo || !hi || lo_len > FW_VALUE_LEN || hi_len > FW_VALUE_LEN) {
		r->rule.unread = true;
		return;
	}
	memcpy(range.lo, lo, lo_len);
	memcpy(range.hi, hi, hi_len);
	test.invert = get(expr, NFTNL_EXPR_RANGE_OP) == NFT_RANGE_NEQ;
	value_compare(r->fw, &r->rule, v, &test);
}

/* ---- sets and verdict maps ---------------------------------------------- */

/* Conditions of a rule are next to each other: a copy for the next one. */
static void begin_copy(struct nft_reading *r, const struct fw_rule *from, struct fw_rule *ret_rule)
{
	build_begin(r->fw, ret_rule, from->chain);
	ret_rule->handle = from->handle;
	ret_rule->number = from->number;
	ret_rule->unread = from->unread;
	for (__u32 i = 0; i < from->n; i++)
		build_cond_copy(r->fw, ret_rule, from->first + i);
}

static void spread_verdicts(struct nft_reading *r, const struct value *v, const struct nft_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct nft_element *e = &set->elements[i];
		const struct value_test test = { .ranges = &e->range, .n = 1 };
		struct fw_rule rule;

		begin_copy(r, &r->rule, &rule);
		value_compare(r->fw, &rule, v, &test);
		nft_verdict(r, &rule, e->verdict, *e->chain ? e->chain : NULL);
		build_rule(r->fw, &rule);
	}
	r->done = true;
}

static void in_set(struct nft_reading *r, const struct value *v, const struct nft_set *set,
		   bool invert)
{
	__cleanup_free struct fw_range *ranges = calloc(set->n + 1, sizeof(*ranges));
	const struct value_test test = { .invert = invert, .ranges = ranges, .n = set->n };

	for (size_t i = 0; i < set->n && ranges; i++)
		ranges[i] = set->elements[i].range;
	if (ranges)
		value_compare(r->fw, &r->rule, v, &test);
	else
		r->rule.unread = true;
}

/* The set, if it can be read and its keys are values like this one: not this one and others. */
static const struct nft_set *find_set(const struct nft_reading *r, const struct nftnl_expr *expr,
				      const struct value *v)
{
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_LOOKUP_SET);
	const struct nft_set *set = nft_sets_find(r->sets, r->family, r->table, name ? name : "");

	return set && v->kind == VALUE_FIELD && set->key_len == v->len ? set : NULL;
}

static void read_lookup(struct nft_reading *r, const struct nftnl_expr *expr)
{
	const struct value *v = values_reg(&r->values, get(expr, NFTNL_EXPR_LOOKUP_SREG));
	const struct nft_set *set = find_set(r, expr, v);
	const bool mapped = nftnl_expr_is_set(expr, NFTNL_EXPR_LOOKUP_DREG);
	const bool verdict = mapped && get(expr, NFTNL_EXPR_LOOKUP_DREG) == NFT_REG_VERDICT;

	/* What the rule did before the look-up, it did to all packets: a copy would do it to some. */
	if (verdict && set && set->verdicts && set->n <= MAX_VERDICTS && !r->rule.effects) {
		spread_verdicts(r, v, set);
	} else if (verdict) {
		r->rule.unread = true;
		r->rule.verdict = FW_QUEUE; /* any verdict */
	} else if (mapped || !set) {
		r->rule.unread = true;
	} else {
		in_set(r, v, set, get(expr, NFTNL_EXPR_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV);
	}
	if (mapped && !verdict)
		unknown(values_reg(&r->values, get(expr, NFTNL_EXPR_LOOKUP_DREG)));
}

/* ---- all of them -------------------------------------------------------- */

static void read_xt_match(struct nft_reading *r, const struct nftnl_expr *expr)
{
	__u32 len = 0;
	const void *info = nftnl_expr_get(expr, NFTNL_EXPR_MT_INFO, &len);
	const struct xt_part part = {
		.name = nftnl_expr_get_str(expr, NFTNL_EXPR_MT_NAME),
		.revision = get(expr, NFTNL_EXPR_MT_REV),
		.info = info,
		.len = info ? len : 0,
	};

	xt_match_read(r->fw, &r->rule, &part);
}

static const struct {
	const char *name;
	__u16 only; /* with this attribute; 0: always */
	void (*read)(struct nft_reading *r, const struct nftnl_expr *expr);
} readers[] = {
	{ "meta", NFTNL_EXPR_META_DREG, load_meta },
	{ "payload", NFTNL_EXPR_PAYLOAD_DREG, load_payload },
	{ "ct", NFTNL_EXPR_CT_DREG, load_ct },
	{ "socket", 0, load_socket },
	{ "fib", 0, load_fib },
	{ "bitwise", 0, read_bitwise },
	{ "byteorder", 0, read_byteorder },
	{ "cmp", 0, read_cmp },
	{ "range", 0, read_range },
	{ "lookup", 0, read_lookup },
	{ "match", 0, read_xt_match },
};

bool nft_match_read(struct nft_reading *r, const char *name, const struct nftnl_expr *expr)
{
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		if (strcmp(name, readers[i].name) ||
		    (readers[i].only && !nftnl_expr_is_set(expr, readers[i].only)))
			continue;
		readers[i].read(r, expr);
		return true;
	}
	return false;
}
