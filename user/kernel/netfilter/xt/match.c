/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_socket.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <string.h>

#include "kernel/netfilter/xt/xt.h"
#include "lib/util.h"

struct match {
	struct firewall *fw;
	struct fw_rule *rule;
	const struct xt_part *part;
};

static struct fw_cond condition(enum fw_field field, bool invert)
{
	struct fw_cond cond = { .field = field, .invert = invert };

	memset(cond.mask, 0xff, sizeof(cond.mask));
	return cond;
}

/* (field & mask) == value; host byte order. */
static void add_number(const struct match *m, struct fw_cond *cond, __u32 value, __u32 mask)
{
	const __u32 wire = htonl(value), wire_mask = htonl(mask);
	struct fw_range range = { 0 };

	memcpy(cond->mask, &wire_mask, sizeof(wire_mask));
	memcpy(range.lo, &wire, sizeof(wire));
	memcpy(range.hi, &wire, sizeof(wire));
	build_cond(m->fw, m->rule, cond, &range, 1);
}

/* ---- ports -------------------------------------------------------------- */

/* All ports are no condition. */
static void add_ports(const struct match *m, enum fw_field field, const __u16 *ports, bool invert)
{
	const struct fw_cond cond = condition(field, invert);
	const __be16 lo = htons(ports[0]), hi = htons(ports[1]);

	if (ports[0] || ports[1] != 0xffff || invert)
		build_between(m->fw, m->rule, &cond, &lo, &hi, sizeof(lo));
}

static bool read_tcp(const struct match *m)
{
	struct fw_cond flags = condition(FW_TCPFLAGS, false);
	struct xt_tcp tcp;
	__u8 wanted;

	memcpy(&tcp, m->part->info, sizeof(tcp));
	add_ports(m, FW_SPORT, tcp.spts, tcp.invflags & XT_TCP_INV_SRCPT);
	add_ports(m, FW_DPORT, tcp.dpts, tcp.invflags & XT_TCP_INV_DSTPT);
	if (tcp.flg_mask) {
		flags.invert = tcp.invflags & XT_TCP_INV_FLAGS;
		flags.mask[0] = tcp.flg_mask;
		wanted = tcp.flg_cmp;
		build_between(m->fw, m->rule, &flags, &wanted, &wanted, 1);
	}
	return !tcp.option;
}

static bool read_udp(const struct match *m)
{
	struct xt_udp udp;

	memcpy(&udp, m->part->info, sizeof(udp));
	add_ports(m, FW_SPORT, udp.spts, udp.invflags & XT_UDP_INV_SRCPT);
	add_ports(m, FW_DPORT, udp.dpts, udp.invflags & XT_UDP_INV_DSTPT);
	return true;
}

static size_t multiport_ranges(const struct xt_multiport_v1 *info, struct fw_range *ranges)
{
	size_t n = 0;

	for (size_t i = 0; i < info->count && i < XT_MULTI_PORTS; i++) {
		const bool pair = info->pflags[i] && i + 1 < XT_MULTI_PORTS;
		const __be16 lo = htons(info->ports[i]), hi = htons(info->ports[i + pair]);

		ranges[n] = (struct fw_range){ 0 };
		memcpy(ranges[n].lo, &lo, sizeof(lo));
		memcpy(ranges[n++].hi, &hi, sizeof(hi));
		i += pair;
	}
	return n;
}

static bool read_multiport(const struct match *m)
{
	struct xt_multiport_v1 info;
	struct fw_range ranges[XT_MULTI_PORTS];
	struct fw_cond cond;

	memcpy(&info, m->part->info, sizeof(info));
	if (info.flags != XT_MULTIPORT_SOURCE && info.flags != XT_MULTIPORT_DESTINATION)
		return false;
	cond = condition(info.flags == XT_MULTIPORT_SOURCE ? FW_SPORT : FW_DPORT, info.invert);
	build_cond(m->fw, m->rule, &cond, ranges, multiport_ranges(&info, ranges));
	return true;
}

/* ---- marks and connection tracking -------------------------------------- */

static bool read_mark(const struct match *m)
{
	struct xt_mark_mtinfo1 info;
	struct fw_cond cond;

	memcpy(&info, m->part->info, sizeof(info));
	cond = condition(FW_MARK, info.invert);
	add_number(m, &cond, info.mark, info.mask);
	return true;
}

static bool read_connmark(const struct match *m)
{
	struct xt_connmark_mtinfo1 info;
	struct fw_cond cond;

	memcpy(&info, m->part->info, sizeof(info));
	cond = condition(FW_CTMARK, info.invert);
	add_number(m, &cond, info.mark, info.mask);
	return true;
}

/* "One of these states": not none of them. */
static void add_states(const struct match *m, __u32 states, bool invert)
{
	struct fw_cond cond = condition(FW_CTSTATE, !invert);

	add_number(m, &cond, 0, states);
}

#define PLAIN_STATES (FW_STATE_INVALID | FW_STATE_ESTABLISHED | FW_STATE_RELATED | FW_STATE_NEW)

static bool read_conntrack(const struct match *m)
{
	struct xt_conntrack_mtinfo2 info; /* revision 3 has more at its end */
	__u32 states;

	memcpy(&info, m->part->info, sizeof(info));
	states = info.state_mask & PLAIN_STATES;
	if (info.state_mask & XT_CONNTRACK_STATE_UNTRACKED)
		states |= FW_STATE_UNTRACKED;
	if (info.state_mask & (XT_CONNTRACK_STATE_SNAT | XT_CONNTRACK_STATE_DNAT))
		return false;
	if (info.match_flags & XT_CONNTRACK_STATE)
		add_states(m, states, info.invert_flags & XT_CONNTRACK_STATE);
	return !(info.match_flags & ~(XT_CONNTRACK_STATE | XT_CONNTRACK_STATE_ALIAS));
}

static bool read_state(const struct match *m)
{
	struct xt_state_info info;
	__u32 states;

	memcpy(&info, m->part->info, sizeof(info));
	states = info.statemask & PLAIN_STATES;
	if (info.statemask & XT_STATE_UNTRACKED)
		states |= FW_STATE_UNTRACKED;
	add_states(m, states, false);
	return true;
}

/* ---- others ------------------------------------------------------------- */

static bool read_addrtype(const struct match *m)
{
	struct xt_addrtype_info_v1 info;
	struct fw_range ranges[16];
	struct fw_cond cond;
	size_t n = 0;

	memcpy(&info, m->part->info, sizeof(info));
	cond = condition(FW_DSTTYPE, info.flags & XT_ADDRTYPE_INVERT_DEST);
	for (__u32 type = 0; type < 16; type++) {
		const __be32 wire = htonl(type);

		if (!(info.dest & 1u << type))
			continue;
		ranges[n] = (struct fw_range){ 0 };
		memcpy(ranges[n].lo, &wire, sizeof(wire));
		memcpy(ranges[n++].hi, &wire, sizeof(wire));
	}
	if (n)
		build_cond(m->fw, m->rule, &cond, ranges, n);
	return !info.source &&
	       !(info.flags & (XT_ADDRTYPE_LIMIT_IFACE_IN | XT_ADDRTYPE_LIMIT_IFACE_OUT));
}

/* It may also set the mark. */
static bool read_socket(const struct match *m)
{
	struct xt_socket_mtinfo1 info;
	const __u8 yes = 1;

	memcpy(&info, m->part->info, sizeof(info));
	if (info.flags & XT_SOCKET_RESTORESKMARK) {
		m->rule->effects |= FW_SETS_MARK;
		m->rule->mark = (struct fw_write){ .source = FW_FROM_UNKNOWN };
	}
	if (!(info.flags & XT_SOCKET_TRANSPARENT))
		return false;
	build_equal(m->fw, m->rule, FW_TRANSPARENT, &yes, sizeof(yes));
	return true;
}

/* A routing header: no packet has one whose protocol we know. Our program leaves such packets alone. */
static bool read_rt(const struct match *m)
{
	const __u8 protocol = IPPROTO_ROUTING;

	build_equal(m->fw, m->rule, FW_PROTO, &protocol, sizeof(protocol));
	return true;
}

static bool read_nothing(const struct match *m)
{
	return true;
}

static const struct {
	const char *name;
	__u32 first, last;                   /* revisions */
	size_t size;                         /* of what is read */
	bool (*read)(const struct match *m); /* false: it asks for more */
} readers[] = {
	{ "tcp", 0, 0, sizeof(struct xt_tcp), read_tcp },
	{ "udp", 0, 0, sizeof(struct xt_udp), read_udp },
	{ "multiport", 1, 1, sizeof(struct xt_multiport_v1), read_multiport },
	{ "mark", 1, 1, sizeof(struct xt_mark_mtinfo1), read_mark },
	{ "connmark", 1, 1, sizeof(struct xt_connmark_mtinfo1), read_connmark },
	{ "conntrack", 2, 3, sizeof(struct xt_conntrack_mtinfo2), read_conntrack },
	{ "state", 0, 0, sizeof(struct xt_state_info), read_state },
	{ "addrtype", 1, 1, sizeof(struct xt_addrtype_info_v1), read_addrtype },
	{ "socket", 1, 3, sizeof(struct xt_socket_mtinfo1), read_socket },
	{ "rt", 0, 0, 0, read_rt },
	{ "comment", 0, 0, 0, read_nothing },
};

void xt_match_read(struct firewall *fw, struct fw_rule *rule, const struct xt_part *part)
{
	const struct match m = { fw, rule, part };

	for (size_t i = 0; part->name && i < ARRAY_SIZE(readers); i++) {
		if (strcmp(part->name, readers[i].name) || part->revision < readers[i].first ||
		    part->revision > readers[i].last || part->len < readers[i].size)
			continue;
		rule->unread |= !readers[i].read(&m);
		return;
	}
	rule->unread = true;
}
