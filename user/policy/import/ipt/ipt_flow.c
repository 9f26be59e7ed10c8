/* SPDX-License-Identifier: BSD-2-Clause */
/* Options that cut down the flows: addresses, sets, interfaces, protocols, ports, owners. */
#include <string.h>

#include "policy/import/ipt/ipt_option.h"
#include "policy/owner/owner.h"
#include "policy/policy.h"

/* Replaces `set`, which has all, by these or by all but these; both are freed by the caller. */
static void cut_prefixes(struct ipt_parse *p, struct prefix_set *set, const struct prefix_set *by)
{
	struct prefix_set next = { 0 };

	if (p->invert)
		p->err = flows_not_prefixes(by, p->family, &next);
	else
		p->err = flows_add_prefixes(&next, by);
	if (p->err) {
		free(next.items);
		return;
	}
	free(set->items);
	*set = next;
}

static void take_prefix(struct ipt_parse *p, struct prefix_set *set, bool *has)
{
	const char *why, *text = ipt_value(p);
	struct prefix prefix;
	const struct prefix_set one = { .items = &prefix, .n = 1 };

	if (*has)
		ipt_refuse(p, "it has two conditions about one address");
	else if (parse_prefix(text, &prefix, &why) || prefix.family != p->family)
		ipt_refuse(p, "%.40s is not a prefix", text);
	else
		cut_prefixes(p, set, &one);
	*has = true;
}

static void opt_source(struct ipt_parse *p)
{
	take_prefix(p, &p->rule->match.from, &p->has_from);
}

static void opt_destination(struct ipt_parse *p)
{
	take_prefix(p, &p->rule->match.to, &p->has_to);
}

static void opt_match_set(struct ipt_parse *p)
{
	const char *name = ipt_value(p), *side = ipt_value(p);
	const struct ipset *set = ipsets_find(p->sets, name);
	bool src = !strcmp(side, "src");
	bool *has = src ? &p->has_from : &p->has_to;

	if (!set)
		ipt_refuse(p,
			   "the members of the set %.32s are missing (put the output of "
			   "ipset save before the rules)",
			   name);
	else if (set->why)
		ipt_refuse(p, "set %.32s: %s", name, set->why);
	else if (!src && strcmp(side, "dst"))
		ipt_refuse(p, "--match-set %.32s %.20s has no counterpart", name, side);
	else if (*has)
		ipt_refuse(p, "it has two conditions about one address");
	else if (set->family != p->family)
		p->rule->never = "the set has addresses of the other family";
	else
		cut_prefixes(p, src ? &p->rule->match.from : &p->rule->match.to, &set->prefixes);
	*has = true;
}

/* iptables writes "eth+" for "eth*". */
static void opt_in(struct ipt_parse *p)
{
	const char *text = ipt_value(p);
	char name[IPT_NAME_LEN];
	size_t len;

	snprintf(name, sizeof(name), "%.32s", text);
	len = strlen(name);
	if (len && name[len - 1] == '+')
		name[len - 1] = '*';
	if (!policy_ifname_is_valid(name) || strcspn(name, "*?[\\") + 1 < strlen(name))
		ipt_refuse(p, "-i %.32s: not an interface name", text);
	else if (p->invert)
		snprintf(p->rule->not_in, sizeof(p->rule->not_in), "%.15s", name);
	else if (strcmp(name, "*"))
		snprintf(p->rule->match.in, sizeof(p->rule->match.in), "%.15s", name);
}

static void opt_out(struct ipt_parse *p)
{
	const char *text = ipt_value(p);

	if (strcmp(text, "lo"))
		ipt_refuse(p, "rules cannot match the interface that flows leave by");
	else if (!p->invert)
		p->rule->never = "flows to addresses of this host are never intercepted";
}

static void opt_proto(struct ipt_parse *p)
{
	static const struct {
		const char *name;
		__u8 protos;
	} protos[] = {
		{ "tcp", FLOWS_TCP }, { "6", FLOWS_TCP },           { "udp", FLOWS_UDP },
		{ "17", FLOWS_UDP },  { "all", FLOWS_EVERY_PROTO }, { "0", FLOWS_EVERY_PROTO },
	};
	const char *text = ipt_value(p);
	__u8 bits = FLOWS_OTHER;

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
		if (!strcmp(text, protos[i].name))
			bits = protos[i].protos;
	if (!p->invert)
		p->rule->match.protos &= bits;
	else if (bits != FLOWS_OTHER) /* all others but one are still others */
		p->rule->match.protos &= (__u8)~bits;
}

/* ---- numbers ------------------------------------------------------------ */

/* "22" or "8000:8010"; either end may be missing. sep: ':' or '-'. */
static bool parse_span(const char *text, char sep, __u32 max, struct span *span)
{
	const char *cut = strchr(text, sep);
	char first[12] = "0", last[12];

	if (cut && cut - text >= (int)sizeof(first))
		return false;
	snprintf(last, sizeof(last), "%s", cut ? cut + 1 : text);
	if (!cut)
		snprintf(first, sizeof(first), "%s", text);
	else if (cut != text)
		snprintf(first, sizeof(first), "%.*s", (int)(cut - text), text);
	if (!*last)
		snprintf(last, sizeof(last), "%u", max);
	return !parse_u32(first, 0, max, &span->first, NULL) &&
	       !parse_u32(last, 0, max, &span->last, NULL) && span->first <= span->last;
}

/* Replaces `set`, which has all. */
static void cut_spans(struct ipt_parse *p, struct span_set *set, struct span_set *by, __u32 max)
{
	struct span_set next = { 0 };

	if (!p->invert) {
		next = *by;
		*by = (struct span_set){ 0 };
	} else {
		p->err = span_set_not(by, max, &next);
	}
	free(set->items);
	*set = next;
}

static void opt_ports(struct ipt_parse *p)
{
	__cleanup_free char *copy = strdup(ipt_value(p));
	struct span_set ports = { 0 };
	char *rest = copy, *item;
	struct span span;

	p->err = copy ? 0 : -ENOMEM;
	while (!p->err && (item = strsep(&rest, ","))) {
		if (parse_span(item, ':', FLOWS_MAX_PORT, &span))
			p->err = span_set_add(&ports, span);
		else
			ipt_refuse(p, "%.20s is not a port", item);
	}
	if (p->has_ports)
		ipt_refuse(p, "it has two lists of ports");
	else if (!p->err)
		cut_spans(p, &p->rule->match.ports, &ports, FLOWS_MAX_PORT);
	p->has_ports = true;
	free(ports.items);
}

static void opt_source_port(struct ipt_parse *p)
{
	p->rule->source_port = true;
	ipt_refuse(p, "rules cannot match source ports");
	ipt_value(p);
}

static void opt_any_port(struct ipt_parse *p)
{
	ipt_refuse(p, "--ports also means source ports, which rules cannot match");
	ipt_value(p);
}

/* ---- owners ------------------------------------------------------------- */

static void take_id(struct ipt_parse *p, enum tproxy_owner_kind kind)
{
	const char *text = ipt_value(p);
	struct span_set ids = { 0 };
	struct span span;

	if (!parse_span(text, '-', FLOWS_MAX_ID, &span)) {
		ipt_refuse(p, "%s %.32s: give the number, as iptables-save prints it",
			   owner_kind_names[kind], text);
		return;
	}
	p->err = span_set_add(&ids, span);
	if (!p->err)
		cut_spans(p, &p->rule->match.ids[kind], &ids, FLOWS_MAX_ID);
	free(ids.items);
}

static void opt_uid(struct ipt_parse *p)
{
	take_id(p, TPROXY_OWNER_UID);
}

static void opt_gid(struct ipt_parse *p)
{
	take_id(p, TPROXY_OWNER_GID);
}

static void opt_cgroup_path(struct ipt_parse *p)
{
	const char *why, *text = ipt_value(p);
	struct owner_item owner = { 0 };
	char path[256];

	snprintf(path, sizeof(path), "/%.250s", text + (*text == '/'));
	if (strlen(text) > 250 || owner_parse(TPROXY_OWNER_CGROUP, path, &owner, &why) ||
	    !owner.name) {
		ipt_refuse(p, "--path %.60s: not a path of a cgroup that a rule can name", text);
	} else {
		char **to = p->invert ? &p->rule->not_cgroup : &p->rule->match.cgroup;

		free(*to);
		*to = take_ptr(owner.name);
	}
	owner_free(&owner);
}

const struct ipt_option ipt_flow_options[] = {
	{ "-s", opt_source },
	{ "--source", opt_source },
	{ "-d", opt_destination },
	{ "--destination", opt_destination },
	{ "--match-set", opt_match_set },
	{ "-i", opt_in },
	{ "--in-interface", opt_in },
	{ "-o", opt_out },
	{ "--out-interface", opt_out },
	{ "-p", opt_proto },
	{ "--protocol", opt_proto },
	{ "--dport", opt_ports },
	{ "--destination-port", opt_ports },
	{ "--dports", opt_ports },
	{ "--destination-ports", opt_ports },
	{ "--sport", opt_source_port },
	{ "--source-port", opt_source_port },
	{ "--sports", opt_source_port },
	{ "--source-ports", opt_source_port },
	{ "--ports", opt_any_port },
	{ "--uid-owner", opt_uid },
	{ "--gid-owner", opt_gid },
	{ "--path", opt_cgroup_path },
	{ NULL, NULL },
};
