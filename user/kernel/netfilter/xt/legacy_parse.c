/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/netfilter/xt/legacy.h"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string.h>

#include "kernel/netfilter/xt/xt.h"
#include "lib/util.h"

#define UNIT 8 /* the kernel aligns entries to this */

/* What both families say about an entry. */
struct entry {
	size_t offset;
	__u16 header, target, next; /* lengths: matches begin after the header */
	bool is_goto;
};

struct parsing {
	struct firewall *fw;
	const struct legacy_table *table;
	__u32 *chains; /* of each UNIT: the chain that begins there, or FW_NONE; owned */
};

static __u32 *chain_at(const struct parsing *p, size_t offset)
{
	return &p->chains[offset / UNIT];
}

/* ---- entries ------------------------------------------------------------ */

static bool read_entry(const struct parsing *p, size_t offset, struct entry *e)
{
	const bool v6 = p->table->family == NFPROTO_IPV6;
	const __u8 *at = p->table->entries + offset;
	struct ip6t_entry entry6;
	struct ipt_entry entry4;

	*e = (struct entry){ .offset = offset, .header = v6 ? sizeof(entry6) : sizeof(entry4) };
	if (p->table->size - offset < e->header)
		return false;
	memcpy(v6 ? (void *)&entry6 : (void *)&entry4, at, e->header);
	e->target = v6 ? entry6.target_offset : entry4.target_offset;
	e->next = v6 ? entry6.next_offset : entry4.next_offset;
	e->is_goto = v6 ? entry6.ipv6.flags & IP6T_F_GOTO : entry4.ip.flags & IPT_F_GOTO;
	return e->target >= e->header && !(e->next % UNIT) &&
	       e->next >= e->target + sizeof(struct xt_entry_target) &&
	       e->next <= p->table->size - offset;
}

/* A match or a target: u16 size, name, revision, data. */
static bool read_part(const __u8 *at, size_t room, struct xt_part *ret_part, char *name,
		      size_t *ret_size)
{
	struct xt_entry_match header;
	size_t size;

	if (room < sizeof(header))
		return false;
	memcpy(&header, at, sizeof(header));
	size = header.u.match_size;
	if (size < sizeof(header) || size > room)
		return false;
	memcpy(name, header.u.user.name, XT_EXTENSION_MAXNAMELEN);
	name[XT_EXTENSION_MAXNAMELEN - 1] = '\0';
	*ret_part = (struct xt_part){ .name = name,
				      .revision = header.u.user.revision,
				      .info = at + sizeof(header),
				      .len = size - sizeof(header) };
	*ret_size = size;
	return true;
}

static bool read_target(const struct parsing *p, const struct entry *e, struct xt_part *ret_part,
			char *name)
{
	size_t size;

	return read_part(p->table->entries + e->offset + e->target, e->next - e->target, ret_part,
			 name, &size);
}

/* ---- chains ------------------------------------------------------------- */

static int priority_of(const char *table, enum fw_hook hook)
{
	if (!strcmp(table, "raw"))
		return -300;
	if (!strcmp(table, "mangle"))
		return -150;
	if (!strcmp(table, "nat"))
		return hook == FW_PREROUTING || hook == FW_OUTPUT ? -100 : 100;
	return strcmp(table, "security") ? 0 : 50;
}

static __u32 add_chain(struct parsing *p, const char *name)
{
	struct fw_chain *chain = build_chain(p->fw, p->table->family, p->table->name, name);

	if (!chain)
		return FW_NONE;
	chain->legacy = true;
	return (__u32)(chain - p->fw->chains);
}

static const struct {
	const char *name;
	enum fw_hook hook;
} hooks[LEGACY_HOOKS] = {
	[NF_INET_PRE_ROUTING] = { "PREROUTING", FW_PREROUTING },
	[NF_INET_LOCAL_IN] = { "INPUT", FW_INPUT },
	[NF_INET_FORWARD] = { "FORWARD", FW_FORWARD },
	[NF_INET_LOCAL_OUT] = { "OUTPUT", FW_OUTPUT },
	[NF_INET_POST_ROUTING] = { "POSTROUTING", FW_POSTROUTING },
};

/* Index of the hook whose chain begins at this offset, or LEGACY_HOOKS. */
static size_t hook_at(const __u32 *offsets, const struct legacy_table *table, size_t offset)
{
	size_t i = 0;

	while (i < LEGACY_HOOKS && (!(table->hooks & 1u << i) || offsets[i] != offset))
		i++;
	return i;
}

static void add_base(struct parsing *p, size_t hook, size_t offset)
{
	const __u32 index = add_chain(p, hooks[hook].name);

	if (index == FW_NONE)
		return;
	p->fw->chains[index].hook = hooks[hook].hook;
	p->fw->chains[index].priority = priority_of(p->table->name, hooks[hook].hook);
	p->fw->chains[index].nat = !strcmp(p->table->name, "nat");
	*chain_at(p, offset) = index;
}

/* A chain begins at a hook, and after an entry whose target ERROR has its name. */
static int find_chains(struct parsing *p)
{
	char name[XT_EXTENSION_MAXNAMELEN], chain[XT_FUNCTION_MAXNAMELEN];
	struct xt_part target;
	struct entry e;

	for (size_t at = 0; at < p->table->size; at += e.next) {
		const size_t hook = hook_at(p->table->entry, p->table, at);

		if (!read_entry(p, at, &e) || !read_target(p, &e, &target, name))
			return -EBADMSG;
		if (hook < LEGACY_HOOKS)
			add_base(p, hook, at);
		if (strcmp(name, XT_ERROR_TARGET) || at + e.next >= p->table->size ||
		    target.len < sizeof(chain))
			continue;
		memcpy(chain, target.info, sizeof(chain));
		chain[sizeof(chain) - 1] = '\0';
		*chain_at(p, at + e.next) = add_chain(p, chain);
	}
	return 0;
}

/* ---- conditions --------------------------------------------------------- */

static void add_masked(const struct parsing *p, struct fw_rule *rule, enum fw_field field,
		       const void *value, const void *mask, size_t len, bool invert)
{
	struct fw_cond cond = { .field = field, .invert = invert };
	const __u8 *bytes = mask;
	bool asks = invert;

	memset(cond.mask, 0xff, sizeof(cond.mask));
	memcpy(cond.mask, mask, len);
	for (size_t i = 0; i < len; i++)
		asks |= bytes[i];
	if (asks)
		build_masked(p->fw, rule, &cond, value, len);
}

static void add_protocol(const struct parsing *p, struct fw_rule *rule, __u16 protocol, bool invert)
{
	struct fw_cond cond = { .field = FW_PROTO, .invert = invert };
	const __u8 byte = (__u8)protocol;

	memset(cond.mask, 0xff, sizeof(cond.mask));
	if (protocol)
		build_masked(p->fw, rule, &cond, &byte, sizeof(byte));
}

static void read_ip4(const struct parsing *p, struct fw_rule *rule, size_t offset)
{
	struct ipt_ip ip;

	memcpy(&ip, p->table->entries + offset, sizeof(ip));
	add_masked(p, rule, FW_IIF, ip.iniface, ip.iniface_mask, IF_NAMESIZE,
		   ip.invflags & IPT_INV_VIA_IN);
	add_masked(p, rule, FW_OIF, ip.outiface, ip.outiface_mask, IF_NAMESIZE,
		   ip.invflags & IPT_INV_VIA_OUT);
	add_masked(p, rule, FW_SADDR, &ip.src, &ip.smsk, 4, ip.invflags & IPT_INV_SRCIP);
	add_masked(p, rule, FW_DADDR, &ip.dst, &ip.dmsk, 4, ip.invflags & IPT_INV_DSTIP);
	add_protocol(p, rule, ip.proto, ip.invflags & IPT_INV_PROTO);
	rule->unread |= (ip.flags & IPT_F_FRAG) && !(ip.invflags & IPT_INV_FRAG);
}

static void read_ip6(const struct parsing *p, struct fw_rule *rule, size_t offset)
{
	struct ip6t_ip6 ip;

	memcpy(&ip, p->table->entries + offset, sizeof(ip));
	add_masked(p, rule, FW_IIF, ip.iniface, ip.iniface_mask, IF_NAMESIZE,
		   ip.invflags & IP6T_INV_VIA_IN);
	add_masked(p, rule, FW_OIF, ip.outiface, ip.outiface_mask, IF_NAMESIZE,
		   ip.invflags & IP6T_INV_VIA_OUT);
	add_masked(p, rule, FW_SADDR, &ip.src, &ip.smsk, 16, ip.invflags & IP6T_INV_SRCIP);
	add_masked(p, rule, FW_DADDR, &ip.dst, &ip.dmsk, 16, ip.invflags & IP6T_INV_DSTIP);
	if (ip.flags & IP6T_F_PROTO)
		add_protocol(p, rule, ip.proto, ip.invflags & IP6T_INV_PROTO);
	rule->unread |= (ip.flags & IP6T_F_TOS) != 0;
}

static bool read_matches(const struct parsing *p, const struct entry *e, struct fw_rule *rule)
{
	char name[XT_EXTENSION_MAXNAMELEN];
	struct xt_part part;
	size_t size;

	for (size_t at = e->header; at < e->target; at += size) {
		if (!read_part(p->table->entries + e->offset + at, e->target - at, &part, name,
			       &size))
			return false;
		xt_match_read(p->fw, rule, &part);
	}
	return true;
}

/* ---- what a rule does --------------------------------------------------- */

/* A verdict of the kernel, or the offset of the next entry. */
static void read_verdict(const struct parsing *p, const struct entry *e, struct fw_rule *rule,
			 int verdict)
{
	if (verdict == XT_RETURN)
		rule->verdict = FW_RETURN;
	else if (verdict < 0)
		rule->verdict = -verdict - 1 == NF_ACCEPT ? FW_ACCEPT :
				-verdict - 1 == NF_DROP   ? FW_DROP :
							    FW_QUEUE;
	else if ((size_t)verdict != e->offset + e->next) {
		rule->verdict = e->is_goto ? FW_GOTO : FW_JUMP;
		if ((size_t)verdict < p->table->size && !(verdict % UNIT))
			rule->target = *chain_at(p, (size_t)verdict);
	}
}

static void read_does(const struct parsing *p, const struct entry *e, struct fw_rule *rule,
		      const struct xt_part *target)
{
	int verdict;

	if (*target->name || target->len < sizeof(verdict)) {
		xt_target_read(rule, target);
		return;
	}
	memcpy(&verdict, target->info, sizeof(verdict));
	read_verdict(p, e, rule, verdict);
}

/* ---- all rules ---------------------------------------------------------- */

static int add_rule(struct parsing *p, const struct entry *e, __u32 chain, __u32 number)
{
	char name[XT_EXTENSION_MAXNAMELEN];
	struct xt_part target;
	struct fw_rule rule;

	build_begin(p->fw, &rule, chain);
	rule.number = number;
	if (p->table->family == NFPROTO_IPV6)
		read_ip6(p, &rule, e->offset);
	else
		read_ip4(p, &rule, e->offset);
	if (!read_matches(p, e, &rule) || !read_target(p, e, &target, name))
		return -EBADMSG;
	if (!strcmp(name, XT_ERROR_TARGET))
		return 0; /* begins the next chain */
	read_does(p, e, &rule, &target);
	/* The last entry of a chain at a hook is its policy. */
	if (hook_at(p->table->underflow, p->table, e->offset) < LEGACY_HOOKS)
		p->fw->chains[chain].drops = rule.verdict == FW_DROP;
	else
		build_rule(p->fw, &rule);
	return 0;
}

static int read_rules(struct parsing *p)
{
	__u32 chain = FW_NONE, number = 0;
	struct entry e;
	int err = 0;

	for (size_t at = 0; at < p->table->size && !err; at += e.next) {
		if (!read_entry(p, at, &e))
			return -EBADMSG;
		if (*chain_at(p, at) != FW_NONE) {
			chain = *chain_at(p, at);
			number = 0;
		}
		if (chain != FW_NONE)
			err = add_rule(p, &e, chain, ++number);
	}
	return err;
}

int legacy_parse(struct firewall *fw, const struct legacy_table *table)
{
	const size_t size = (table->size / UNIT + 1) * sizeof(__u32);
	__cleanup_free __u32 *chains = malloc(size);
	struct parsing p = { .fw = fw, .table = table, .chains = chains };
	int err;

	if (!chains)
		return -ENOMEM;
	memset(chains, 0xff, size);
	err = find_chains(&p);
	return err ? err : read_rules(&p);
}
