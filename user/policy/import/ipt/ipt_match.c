/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options about states, marks and kinds of addresses: what they are for the first packet of a flow.
 */
#include <string.h>

#include "policy/import/ipt/ipt_option.h"

static void opt_match(struct ipt_parse *p)
{
	static const char *const known[] = { "tcp",       "udp",      "multiport", "comment",
					     "conntrack", "state",    "addrtype",  "set",
					     "mark",      "connmark", "owner",     "cgroup" };
	const char *text = ipt_value(p);

	p->has_connmark = !strcmp(text, "connmark");
	if (strcmp(text, "socket")) {
		if (parse_name(text, known, ARRAY_SIZE(known)) < 0)
			ipt_refuse(p, "-m %.30s has no counterpart", text);
	} else if (!p->invert) {
		p->rule->socket = true;
		p->rule->never =
			"packets of a flow that has a socket here always reach that socket";
	}
}

static void opt_comment(struct ipt_parse *p)
{
	snprintf(p->rule->comment, sizeof(p->rule->comment), "%s", ipt_value(p));
}

/* ---- the start of a flow ------------------------------------------------ */

static const char only_starts[] = "rules decide only about the start of a flow";

/* Only a SYN starts a TCP flow, and rules decide only about starts. */
static void opt_syn(struct ipt_parse *p)
{
	if (p->invert)
		p->rule->never = only_starts;
}

static void opt_tcp_flags(struct ipt_parse *p)
{
	const char *mask = ipt_value(p), *flags = ipt_value(p);

	if (strcmp(flags, "SYN") || !strstr(mask, "SYN"))
		ipt_refuse(p, "--tcp-flags: rules decide only about the start of a flow");
	else if (p->invert)
		p->rule->never = only_starts;
}

static bool has_state(const char *text, const char *state)
{
	size_t len = strlen(state);

	for (const char *at = strstr(text, state); at; at = strstr(at + 1, state))
		if ((at == text || at[-1] == ',') && (!at[len] || at[len] == ','))
			return true;
	return false;
}

static void opt_state(struct ipt_parse *p)
{
	const char *text = ipt_value(p);
	bool is_new = has_state(text, "NEW");

	if (has_state(text, "SNAT") || has_state(text, "DNAT")) {
		ipt_refuse(p, "rules cannot match translated flows");
	} else if (is_new == p->invert) {
		p->rule->never = only_starts;
		p->rule->established = has_state(text, "ESTABLISHED") != p->invert;
	}
}

static void opt_direction(struct ipt_parse *p)
{
	if (!strcmp(ipt_value(p), "ORIGINAL") == p->invert)
		p->rule->never = only_starts;
}

/* ---- kinds of addresses ------------------------------------------------- */

static void take_type(struct ipt_parse *p, enum ipt_own *own)
{
	const char *option = p->words[p->at], *text = ipt_value(p);
	bool is = !p->invert;

	if (!strcmp(text, "LOCAL"))
		*own = is ? IPT_OWN_ONLY : IPT_OWN_NEVER;
	else if (!strcmp(text, "UNICAST"))
		*own = is ? IPT_OWN_NEVER : IPT_OWN_ONLY;
	else if (strcmp(text, "BROADCAST") && strcmp(text, "MULTICAST"))
		ipt_refuse(p, "%.20s %.40s has no counterpart", option, text);
	else if (is)
		p->rule->never = "flows to such addresses are never intercepted";
}

static void opt_dst_type(struct ipt_parse *p)
{
	take_type(p, &p->rule->to_own);
}

static void opt_src_type(struct ipt_parse *p)
{
	take_type(p, &p->rule->from_own);
}

/* ---- marks and the rest ------------------------------------------------- */

static void opt_mark(struct ipt_parse *p)
{
	struct ipt_mark_test *test = p->has_connmark ? &p->rule->connmark : &p->rule->mark;

	if (test->used)
		ipt_refuse(p, "it has two conditions about one mark");
	test->used = true;
	test->invert = p->invert;
	ipt_mark(p, ipt_value(p), &test->value, &test->mask);
}

/* All that a program sends has a socket. */
static void opt_socket_exists(struct ipt_parse *p)
{
	if (p->invert)
		p->rule->never = "packets without a socket start no flow of a program";
}

static void opt_nothing(struct ipt_parse *p)
{
}

const struct ipt_option ipt_match_options[] = {
	{ "-m", opt_match },
	{ "--match", opt_match },
	{ "--comment", opt_comment },
	{ "--syn", opt_syn },
	{ "--tcp-flags", opt_tcp_flags },
	{ "--ctstate", opt_state },
	{ "--state", opt_state },
	{ "--ctdir", opt_direction },
	{ "--dst-type", opt_dst_type },
	{ "--src-type", opt_src_type },
	{ "--mark", opt_mark },
	{ "--socket-exists", opt_socket_exists },
	{ "--transparent", opt_nothing },
	{ "--nowildcard", opt_nothing },
	{ "--restore-skmark", opt_nothing },
	{ NULL, NULL },
};
