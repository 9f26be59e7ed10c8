/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/ipt_option.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

void ipt_refuse(struct ipt_parse *p, const char *fmt, ...)
{
	va_list args;

	if (p->rule->why[0])
		return;
	va_start(args, fmt);
	vsnprintf(p->rule->why, sizeof(p->rule->why), fmt, args);
	va_end(args);
}

static const char *value(struct ipt_parse *p)
{
	if (p->at + 1 < p->n)
		return p->words[++p->at];
	ipt_refuse(p, "%.40s has no value", p->words[p->at]);
	return "";
}

/* ---- addresses ---------------------------------------------------------- */

/* Every address outside p: its sibling at each prefix length. */
static int add_complement(struct prefix_set *set, const struct prefix *p)
{
	int err = 0;

	for (unsigned int bit = 0; bit < p->len && !err; bit++) {
		struct prefix sibling = *p;

		prefix_shorten(&sibling, bit + 1);
		sibling.addr[bit / 8] ^= (__u8)(0x80 >> bit % 8);
		err = prefix_set_append(set, &sibling);
	}
	prefix_set_sort(set);
	return err;
}

static void take_prefix(struct ipt_parse *p, struct prefix_set *set, bool *has)
{
	const char *why, *text = value(p);
	struct prefix prefix;

	if (*has) {
		ipt_refuse(p, "it has two addresses");
		return;
	}
	*has = true;
	if (parse_prefix(text, &prefix, &why) || prefix.family != p->family)
		ipt_refuse(p, "%.40s is not a prefix", text);
	else if (p->invert)
		p->err = add_complement(set, &prefix);
	else
		p->err = prefix_set_append(set, &prefix);
}

static void opt_source(struct ipt_parse *p)
{
	take_prefix(p, &p->rule->match.from, &p->rule->match.has_from);
}

static void opt_destination(struct ipt_parse *p)
{
	take_prefix(p, &p->rule->match.to, &p->rule->match.has_to);
}

/* iptables writes "eth+" for "eth*". */
static void opt_in(struct ipt_parse *p)
{
	const char *text = value(p);
	char name[IPT_NAME_LEN];
	size_t len;

	snprintf(name, sizeof(name), "%.32s", text);
	len = strlen(name);
	if (len && name[len - 1] == '+')
		name[len - 1] = '*';
	if (p->invert)
		ipt_refuse(p, "! -i %.32s: name the other interfaces instead", text);
	else if (!policy_ifname_is_valid(name))
		ipt_refuse(p, "-i %.32s: not an interface name", text);
	else
		p->err = name_set_add(&p->rule->match.interfaces, name);
}

/* ---- protocols and ports ------------------------------------------------ */

static void opt_proto(struct ipt_parse *p)
{
	const char *text = value(p);
	bool tcp = !strcmp(text, "tcp") || !strcmp(text, "6");
	bool udp = !strcmp(text, "udp") || !strcmp(text, "17");

	if (!strcmp(text, "all") || !strcmp(text, "0"))
		return;
	if (!tcp && !udp) {
		p->rule->match.other_proto = !p->invert;
		return;
	}
	p->rule->match.proto = tcp != p->invert ? IPPROTO_TCP : IPPROTO_UDP;
}

/* "22" or "8000:8010"; either end may be missing. */
static bool parse_range(const char *text, struct port_range *range)
{
	const char *colon = strchr(text, ':'), *why;
	char first[8] = "1";
	__u32 a, b;

	if (!colon)
		return !parse_port_range(text, range, &why);
	if (colon != text)
		snprintf(first, sizeof(first), "%.*s", (int)(colon - text), text);
	if (parse_u32(first, 0, 65535, &a, NULL) ||
	    parse_u32(colon[1] ? colon + 1 : "65535", 1, 65535, &b, NULL) || a > b)
		return false;
	*range = (struct port_range){ (__u16)(a ? a : 1), (__u16)b };
	return true;
}

static int from_bits(const bool *has, bool wanted, struct service_set *set)
{
	int err = 0;

	for (unsigned int port = 1; port < 65536 && !err; port++) {
		struct port_range range = { (__u16)port, (__u16)port };

		if (has[port] != wanted)
			continue;
		while (port < 65535 && has[port + 1] == wanted)
			port++;
		range.last = (__u16)port;
		err = service_set_add(set, 0, range);
	}
	return err;
}

static void take_ports(struct ipt_parse *p)
{
	__cleanup_free bool *has = calloc(65536, sizeof(*has));
	__cleanup_free char *copy = strdup(value(p));
	char *rest = copy, *item;

	if (!has || !copy) {
		p->err = -ENOMEM;
		return;
	}
	if (p->rule->match.has_ports) {
		ipt_refuse(p, "it has two lists of ports");
		return;
	}
	while ((item = strsep(&rest, ","))) {
		struct port_range range;

		if (!parse_range(item, &range)) {
			ipt_refuse(p, "%.20s is not a port", item);
			return;
		}
		for (unsigned int port = range.first; port <= range.last; port++)
			has[port] = true;
	}
	p->rule->match.has_ports = true;
	p->err = from_bits(has, !p->invert, &p->rule->match.ports);
}

static void opt_source_port(struct ipt_parse *p)
{
	ipt_refuse(p, "rules cannot match source ports");
	value(p);
}

static void opt_any_port(struct ipt_parse *p)
{
	ipt_refuse(p, "--ports also means source ports, which rules cannot match");
	value(p);
}

/* Only a SYN starts a TCP flow, and rules decide only about starts. */
static void opt_syn(struct ipt_parse *p)
{
	if (p->invert)
		p->rule->match.established = true;
}

static void opt_tcp_flags(struct ipt_parse *p)
{
	const char *mask = value(p), *flags = value(p);

	if (p->invert || strcmp(flags, "SYN") || !strstr(mask, "SYN"))
		ipt_refuse(p, "--tcp-flags: rules decide only about the start of a flow");
}

/* ---- matches ------------------------------------------------------------ */

static void opt_match(struct ipt_parse *p)
{
	static const char *const known[] = { "tcp",       "udp",   "multiport", "comment",
					     "conntrack", "state", "addrtype" };
	const char *text = value(p);

	if (!strcmp(text, "socket"))
		p->rule->match.socket = true;
	else if (parse_name(text, known, ARRAY_SIZE(known)) < 0)
		ipt_refuse(p, "-m %.30s has no counterpart", text);
}

static void opt_comment(struct ipt_parse *p)
{
	snprintf(p->rule->comment, sizeof(p->rule->comment), "%s", value(p));
}

static void opt_state(struct ipt_parse *p)
{
	const char *text = value(p);

	if (!p->invert && !strstr(text, "NEW") && strstr(text, "ESTABLISHED"))
		p->rule->match.established = true;
	else if (p->invert || strcmp(text, "NEW"))
		ipt_refuse(p, "rules cannot match connection states");
}

static void opt_dst_type(struct ipt_parse *p)
{
	const char *text = value(p);

	if (!p->invert &&
	    (!strcmp(text, "LOCAL") || !strcmp(text, "BROADCAST") || !strcmp(text, "MULTICAST")))
		p->rule->match.local = true;
	else if (!p->invert || strcmp(text, "LOCAL"))
		ipt_refuse(p, "--dst-type %.20s has no counterpart", text);
}

static void opt_nothing(struct ipt_parse *p)
{
}

/* ---- targets ------------------------------------------------------------ */

static void opt_jump(struct ipt_parse *p)
{
	static const struct {
		const char *name;
		enum ipt_target target;
	} targets[] = {
		{ "TPROXY", IPT_TPROXY },   { "ACCEPT", IPT_ACCEPT },  { "RETURN", IPT_RETURN },
		{ "DROP", IPT_DROP },       { "MARK", IPT_NOTHING },   { "CONNMARK", IPT_NOTHING },
		{ "LOG", IPT_NOTHING },     { "NFLOG", IPT_NOTHING },  { "TRACE", IPT_NOTHING },
		{ "TOS", IPT_NOTHING },     { "DSCP", IPT_NOTHING },   { "TTL", IPT_NOTHING },
		{ "TCPMSS", IPT_NOTHING },  { "CT", IPT_NOTHING },     { "REDIRECT", IPT_UNKNOWN },
		{ "DNAT", IPT_UNKNOWN },    { "REJECT", IPT_UNKNOWN }, { "QUEUE", IPT_UNKNOWN },
		{ "NFQUEUE", IPT_UNKNOWN },
	};
	const char *name = value(p);

	p->rule->target = IPT_JUMP;
	snprintf(p->rule->target_name, sizeof(p->rule->target_name), "%s", name);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (!strcmp(name, targets[i].name))
			p->rule->target = targets[i].target;
	/* The options of such a target are skipped. */
	if (p->rule->target == IPT_NOTHING || p->rule->target == IPT_UNKNOWN)
		p->at = p->n;
}

static void opt_goto(struct ipt_parse *p)
{
	ipt_refuse(p, "-g %.40s: jumps that do not return are not followed", value(p));
}

static void opt_on_port(struct ipt_parse *p)
{
	const char *why, *text = value(p);
	struct port_range range;

	if (parse_port_range(text, &range, &why) || range.first != range.last)
		ipt_refuse(p, "--on-port %.20s: a proxy needs a port of its own", text);
	p->rule->proxy.port = range.first;
}

static void opt_on_ip(struct ipt_parse *p)
{
	static const __u8 any[16];
	const char *why, *text = value(p);
	struct prefix address;

	if (parse_prefix(text, &address, &why))
		ipt_refuse(p, "--on-ip %.40s: not an address", text);
	else if (memcmp(address.addr, any, sizeof(any))) {
		p->rule->proxy.family = address.family;
		memcpy(p->rule->proxy.addr, address.addr, sizeof(address.addr));
	}
}

static void opt_value(struct ipt_parse *p)
{
	value(p);
}

/* ---- the table ---------------------------------------------------------- */

static const struct {
	const char *name;
	void (*take)(struct ipt_parse *p);
} options[] = {
	{ "-s", opt_source },
	{ "--source", opt_source },
	{ "-d", opt_destination },
	{ "--destination", opt_destination },
	{ "-i", opt_in },
	{ "--in-interface", opt_in },
	{ "-p", opt_proto },
	{ "--protocol", opt_proto },
	{ "-m", opt_match },
	{ "--match", opt_match },
	{ "--dport", take_ports },
	{ "--destination-port", take_ports },
	{ "--dports", take_ports },
	{ "--destination-ports", take_ports },
	{ "--sport", opt_source_port },
	{ "--source-port", opt_source_port },
	{ "--sports", opt_source_port },
	{ "--source-ports", opt_source_port },
	{ "--ports", opt_any_port },
	{ "--syn", opt_syn },
	{ "--tcp-flags", opt_tcp_flags },
	{ "--comment", opt_comment },
	{ "--ctstate", opt_state },
	{ "--state", opt_state },
	{ "--dst-type", opt_dst_type },
	{ "--transparent", opt_nothing },
	{ "--nowildcard", opt_nothing },
	{ "--restore-skmark", opt_nothing },
	{ "-j", opt_jump },
	{ "--jump", opt_jump },
	{ "-g", opt_goto },
	{ "--goto", opt_goto },
	{ "--on-port", opt_on_port },
	{ "--on-ip", opt_on_ip },
	{ "--tproxy-mark", opt_value },
};

void ipt_option_take(struct ipt_parse *p)
{
	const char *word = p->words[p->at];

	if (!strcmp(word, "!")) {
		p->invert = true;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (strcmp(word, options[i].name))
			continue;
		options[i].take(p);
		p->invert = false;
		return;
	}
	ipt_refuse(p, "%.40s has no counterpart", word);
}
