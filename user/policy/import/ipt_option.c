/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/iptables.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/util.h"

#define MAX_WORDS 128

void ipt_free(struct ipt_rule *rule)
{
	ipt_match_free(&rule->match);
	*rule = (struct ipt_rule){ 0 };
}

/* ---- words ---------------------------------------------------------------- */

/* Cuts a line into words in place; "a \"b\"" is one. Their number, or -EINVAL. */
static int split(char *line, char **words)
{
	int n = 0;
	char *from = line, *to;

	for (;;) {
		bool quoted = false;

		from += strspn(from, " \t\r\n");
		if (!*from)
			return n;
		if (n == MAX_WORDS - 1)
			return -EINVAL;
		words[n++] = to = from;
		for (; *from && (quoted || !strchr(" \t\r\n", *from)); from++) {
			if (*from == '"') {
				quoted = !quoted;
				continue;
			}
			if (*from == '\\' && quoted && from[1])
				from++;
			*to++ = *from;
		}
		if (quoted)
			return -EINVAL;
		if (*from)
			from++;
		*to = '\0';
	}
}

struct parse {
	char **words;
	int n, at;
	__u8 family;
	bool invert;
	struct ipt_rule *rule;
	int err;
};

static void refuse(struct parse *p, const char *fmt, ...) __printf(2, 3);

/* The first reason is kept. */
static void refuse(struct parse *p, const char *fmt, ...)
{
	va_list args;

	if (p->rule->why[0])
		return;
	va_start(args, fmt);
	vsnprintf(p->rule->why, sizeof(p->rule->why), fmt, args);
	va_end(args);
}

static const char *value(struct parse *p)
{
	if (p->at + 1 < p->n)
		return p->words[++p->at];
	refuse(p, "%.40s has no value", p->words[p->at]);
	return "";
}

/* ---- addresses ------------------------------------------------------------ */

/* Every address but those of p: its sibling at each length. */
static int add_complement(struct prefix_set *set, const struct prefix *p)
{
	int err = 0;

	for (unsigned int bit = 0; bit < p->len && !err; bit++) {
		struct prefix sibling = { .family = p->family, .len = (__u8)(bit + 1) };

		memcpy(sibling.addr, p->addr, bit / 8 + 1);
		sibling.addr[bit / 8] &= (__u8)(0xff00 >> (bit % 8 + 1));
		sibling.addr[bit / 8] ^= (__u8)(0x80 >> bit % 8);
		err = prefix_set_append(set, &sibling);
	}
	prefix_set_sort(set);
	return err;
}

static void take_prefix(struct parse *p, struct prefix_set *set, bool *has)
{
	const char *why, *text = value(p);
	struct prefix prefix;

	if (*has) {
		refuse(p, "two addresses at once");
		return;
	}
	*has = true;
	if (parse_prefix(text, &prefix, &why) || prefix.family != p->family)
		refuse(p, "%.40s is no prefix", text);
	else if (p->invert)
		p->err = add_complement(set, &prefix);
	else
		p->err = prefix_set_append(set, &prefix);
}

static void opt_source(struct parse *p)
{
	take_prefix(p, &p->rule->match.from, &p->rule->match.has_from);
}

static void opt_destination(struct parse *p)
{
	take_prefix(p, &p->rule->match.to, &p->rule->match.has_to);
}

/* "eth+" is what everybody else writes "eth*". */
static void opt_in(struct parse *p)
{
	const char *text = value(p);
	char name[IPT_NAME_LEN];
	size_t len;

	snprintf(name, sizeof(name), "%.32s", text);
	len = strlen(name);
	if (len && name[len - 1] == '+')
		name[len - 1] = '*';
	if (p->invert)
		refuse(p, "! -i %.32s: name the interfaces that are meant", text);
	else if (!policy_ifname_is_valid(name))
		refuse(p, "-i %.32s: no name of an interface", text);
	else
		p->err = name_set_add(&p->rule->match.interfaces, name);
}

/* ---- protocols and ports -------------------------------------------------- */

static void opt_proto(struct parse *p)
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

/* "22" or "8000:8010", either end may be missing. */
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

static void take_ports(struct parse *p)
{
	__cleanup_free bool *has = calloc(65536, sizeof(*has));
	__cleanup_free char *copy = strdup(value(p));
	char *rest = copy, *item;

	if (!has || !copy) {
		p->err = -ENOMEM;
		return;
	}
	if (p->rule->match.has_ports) {
		refuse(p, "two lists of ports at once");
		return;
	}
	while ((item = strsep(&rest, ","))) {
		struct port_range range;

		if (!parse_range(item, &range)) {
			refuse(p, "%.20s is no port", item);
			return;
		}
		for (unsigned int port = range.first; port <= range.last; port++)
			has[port] = true;
	}
	p->rule->match.has_ports = true;
	p->err = from_bits(has, !p->invert, &p->rule->match.ports);
}

static void opt_source_port(struct parse *p)
{
	refuse(p, "source ports are not looked at");
	value(p);
}

static void opt_any_port(struct parse *p)
{
	refuse(p, "--ports means source ports too, which are not looked at");
	value(p);
}

/* Only a SYN starts a TCP flow, and only starts are decided on. */
static void opt_syn(struct parse *p)
{
	if (p->invert)
		p->rule->match.established = true;
}

static void opt_tcp_flags(struct parse *p)
{
	const char *mask = value(p), *flags = value(p);

	if (p->invert || strcmp(flags, "SYN") || !strstr(mask, "SYN"))
		refuse(p, "--tcp-flags: only starts of flows are decided on");
}

/* ---- matches -------------------------------------------------------------- */

static void opt_match(struct parse *p)
{
	static const char *const known[] = { "tcp",       "udp",   "multiport", "comment",
					     "conntrack", "state", "addrtype" };
	const char *text = value(p);

	if (!strcmp(text, "socket"))
		p->rule->match.socket = true;
	else if (parse_name(text, known, ARRAY_SIZE(known)) < 0)
		refuse(p, "-m %.30s has no counterpart", text);
}

static void opt_comment(struct parse *p)
{
	snprintf(p->rule->comment, sizeof(p->rule->comment), "%s", value(p));
}

static void opt_state(struct parse *p)
{
	const char *text = value(p);

	if (!p->invert && !strstr(text, "NEW") && strstr(text, "ESTABLISHED"))
		p->rule->match.established = true;
	else if (p->invert || strcmp(text, "NEW"))
		refuse(p, "states of connections are not looked at");
}

static void opt_dst_type(struct parse *p)
{
	const char *text = value(p);

	if (!p->invert &&
	    (!strcmp(text, "LOCAL") || !strcmp(text, "BROADCAST") || !strcmp(text, "MULTICAST")))
		p->rule->match.local = true;
	else if (!p->invert || strcmp(text, "LOCAL"))
		refuse(p, "--dst-type %.20s has no counterpart", text);
}

static void opt_nothing(struct parse *p)
{
}

/* ---- targets -------------------------------------------------------------- */

static void opt_jump(struct parse *p)
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
	/* Options of such a target are its own affair. */
	if (p->rule->target == IPT_NOTHING || p->rule->target == IPT_UNKNOWN)
		p->at = p->n;
}

static void opt_goto(struct parse *p)
{
	refuse(p, "-g %.40s: jumps without a way back are not followed", value(p));
}

static void opt_on_port(struct parse *p)
{
	const char *why, *text = value(p);
	struct port_range range;

	if (parse_port_range(text, &range, &why) || range.first != range.last)
		refuse(p, "--on-port %.20s: a proxy needs a port of its own", text);
	p->rule->proxy.port = range.first;
}

static void opt_on_ip(struct parse *p)
{
	static const __u8 any[16];
	const char *why, *text = value(p);
	struct prefix address;

	if (parse_prefix(text, &address, &why))
		refuse(p, "--on-ip %.40s: no address", text);
	else if (memcmp(address.addr, any, sizeof(any))) {
		p->rule->proxy.family = address.family;
		memcpy(p->rule->proxy.addr, address.addr, sizeof(address.addr));
	}
}

static void opt_value(struct parse *p)
{
	value(p);
}

/* ---- a line --------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*take)(struct parse *p);
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

static void take_word(struct parse *p)
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
	refuse(p, "%.40s has no counterpart", word);
}

int ipt_parse(char *line, __u8 family, struct ipt_rule *ret_rule)
{
	char *words[MAX_WORDS];
	struct ipt_rule rule = { 0 };
	struct parse p = { .words = words, .family = family, .rule = &rule };

	p.n = split(line, words);
	if (p.n < 2 || (strcmp(words[0], "-A") && strcmp(words[0], "--append")))
		return -EINVAL;
	snprintf(rule.chain, sizeof(rule.chain), "%s", words[1]);
	for (p.at = 2; p.at < p.n && !p.err; p.at++)
		take_word(&p);
	if (p.err) {
		ipt_free(&rule);
		return p.err;
	}
	if (rule.target == IPT_TPROXY && !rule.proxy.port)
		refuse(&p, "TPROXY to the destination's own port is not possible");
	if (rule.match.has_ports && !rule.match.proto)
		refuse(&p, "ports without a protocol");
	*ret_rule = rule;
	return 0;
}
