/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/import.h"

#include <string.h>
#include <sys/socket.h>

#include "lib/util.h"
#include "policy/import/naming.h"
#include "policy/import/walk/marks.h"
#include "policy/import/walk/walk.h"

#define WHY_LEN 320

/* ---- lines -------------------------------------------------------------- */

/* What people lose with the line. */
static const char *loss(const struct ipt_rule *rule)
{
	switch (rule->target) {
	case IPT_TPROXY:
	case IPT_REDIRECT:
		return "; its flows are not intercepted, unless other lines do";
	case IPT_ACCEPT:
	case IPT_RETURN:
		return "; flows that it spares may be intercepted";
	case IPT_DROP:
	case IPT_RESET:
		return "; it drops nothing";
	case IPT_JUMP:
	case IPT_GOTO:
		return "; flows do not get to that chain here";
	case IPT_UNKNOWN:
		return "; the lines after it decide about its flows";
	case IPT_NOTHING:
		return "";
	default:
		return "; the mark of its flows stays as it is";
	}
}

static void report(struct import *import, const struct ipt_line *line)
{
	char why[WHY_LEN];

	import->lines++;
	import->used += line->fate == IPT_USED;
	import->elsewhere += line->fate == IPT_ELSEWHERE;
	import->needless += line->fate == IPT_NEEDLESS;
	import->left += line->fate == IPT_LEFT_OUT || line->fate == IPT_LOST;
	if (line->fate == IPT_NEEDLESS)
		import->left_out(line->number, line->text, line->why, true, import->arg);
	if (line->fate != IPT_LEFT_OUT && line->fate != IPT_LOST)
		return;
	snprintf(why, sizeof(why), "%s%s", line->why, line->rule.chain[0] ? loss(&line->rule) : "");
	import->left_out(line->number, line->text, why, false, import->arg);
}

/* ---- notes -------------------------------------------------------------- */

static const struct {
	const char *text;
	bool hint;
} notes[WALK_NOTE_MAX] = {
	[WALK_NO_MARK] = { "TPROXY sets no mark, so another routing rule brings these flows to the "
			   "proxy. These rules need none",
			   true },
	[WALK_OTHER_MARK] = { "OUTPUT sets a mark that no TPROXY line knows: such flows are taken "
			      "to leave this host directly",
			      false },
	[WALK_NOT_TAKEN] = { "OUTPUT sends flows to lo that no TPROXY line takes there: here they "
			     "leave this host directly",
			     false },
	[WALK_POLICY_DROP] = { "a chain has the policy DROP: rules drop TCP and UDP flows that "
			       "would be forwarded, but not what is for this host, nor other "
			       "protocols",
			       false },
	[WALK_ESTABLISHED] = { "packets of flows that had an answer were let pass: a UDP flow went "
			       "directly after its first answer, here all of it is intercepted",
			       false },
	[WALK_OTHER_PROTOS] = { "a line drops packets of any protocol: rules drop TCP and UDP only",
				false },
	[WALK_REDIRECT] = { "the proxy of redirected flows asks for SO_ORIGINAL_DST: start it, "
			    "then run tproxy-loader adopt --original-dst --pid PID",
			    false },
	[WALK_REDIRECT_UDP] = { "datagrams are redirected: their proxy has to answer from the "
				"address that was asked, so it needs IP_TRANSPARENT",
				false },
	[WALK_SOURCE] = { "own traffic is told apart by its source: rules know it only of sockets "
			  "that are bound to an address",
			  false },
	[WALK_PROXY_BITS] = { "OUTPUT spares packets by some bits of a mark: own-proxy-mark is a "
			      "whole mark, so see which one the proxy sets",
			      false },
	[WALK_ANY_ADDRESS] = { "TPROXY names no address: a proxy that listens on every address, or "
			       "on loopback, is found. For one that listens on another address, "
			       "write proxy = ADDRESS:PORT",
			       true },
	[WALK_OWN_ADDRESSES] = { "TPROXY takes flows to this host's own addresses, too (no line "
				 "spares --dst-type LOCAL): here they are never intercepted",
				 false },
	[WALK_TOO_LONG] = { "there are too many paths through the chains: rules are missing",
			    false },
};

static void note_all(struct import *import, const struct walk_result *result)
{
	for (int i = 0; i < WALK_NOTE_MAX; i++)
		if (result->notes & 1u << i)
			import->note(notes[i].text, notes[i].hint, import->arg);
}

/* Packets of the proxy itself, which OUTPUT spares by a mark. */
static void take_proxy_mark(struct import *import, __u32 mark, struct config *config)
{
	char text[WHY_LEN];

	if (!mark || !config->local)
		return;
	if (!(mark & TPROXY_OWN_DEFAULT_MARK)) {
		config->own_proxy_mark = mark;
		return;
	}
	snprintf(text, sizeof(text),
		 "a proxy marks its own packets with 0x%x, which has a bit of ours: choose another "
		 "own-mark in [loader], and set own-proxy-mark = 0x%x there",
		 mark, mark);
	import->note(text, false, import->arg);
}

/* Own traffic that has a source address other than any. */
static void note_sources(struct walk_result *result)
{
	for (size_t i = 0; i < result->own.n; i++)
		for (size_t j = 0; j < result->own.items[i].rule.from.n; j++)
			if (result->own.items[i].rule.from.items[j].len)
				result->notes |= 1u << WALK_SOURCE;
}

/* ---- answers to a proxy that uses the clients' addresses ---------------- */

/* "-i wan0 --sport 80 -j MARK": packets of servers are for the proxy. */
static int take_divert(struct ruleset *rules, struct ipt_line *line, struct config *config)
{
	const struct ipt_rule *rule = &line->rule;
	int err;

	if (line->table != IPT_MANGLE || rule->target != IPT_MARK || !rule->source_port ||
	    !marks_lead_to_lo(rules, line->family, rule->value))
		return 0;
	if (!rule->match.in[0] || !strcmp(rule->match.in, "lo")) {
		ruleset_fate(line, IPT_LEFT_OUT,
			     "it is for a proxy that uses the clients' addresses: name the "
			     "interface that servers answer by, divert = IF in [loader]");
		return 0;
	}
	err = name_set_add(&config->divert, rule->match.in);
	if (err)
		return err;
	line->rule.why[0] = '\0';
	line->rule.never = "divert in [loader] does it";
	ruleset_fate(line, IPT_USED, "");
	return 0;
}

/* "-i wan0 -m socket": answers of servers come there, unless clients do. */
static int take_socket(const struct ipt_line *line, const struct import *import,
		       struct config *config, bool *hint)
{
	const char *in = line->rule.match.in;

	if (!line->rule.socket || line->table > IPT_MANGLE)
		return 0;
	if (!*in) {
		*hint = true;
		return 0;
	}
	if (import->any_interface || !strcmp(in, "lo") || name_set_has(&config->interfaces, in))
		return 0;
	return name_set_add(&config->divert, in);
}

static int take_sockets(struct import *import, const struct ruleset *rules, struct config *config)
{
	bool hint = false;
	int err = 0;

	for (size_t i = 0; i < rules->n_lines && !err; i++)
		err = take_socket(&rules->lines[i], import, config, &hint);
	if (hint && !config->divert.n && config->interfaces.n)
		import->note("-m socket names no interface: if the proxy uses the clients' "
			     "addresses, name the interface that servers answer by, divert = IF "
			     "in [loader]",
			     true, import->arg);
	return err;
}

/* ---- lists of rules ----------------------------------------------------- */

static int walk_all(struct ruleset *rules, struct walk_result results[2])
{
	static const __u8 families[] = { AF_INET, AF_INET6 };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && !err; i++) {
		err = walk_routed(rules, families[i], &results[i]);
		if (!err)
			err = walk_own(rules, families[i], &results[i]);
		note_sources(&results[i]);
		if (!err)
			err = drafts_shorten(&results[i].routed);
		if (!err)
			err = drafts_shorten(&results[i].own);
	}
	return err;
}

static int join_all(struct walk_result results[2], struct drafts *ret_all)
{
	struct drafts routed __cleanup_drafts = { 0 };
	struct drafts own __cleanup_drafts = { 0 };
	int err = drafts_join_families(&results[0].routed, &results[1].routed, &routed);

	if (!err)
		err = drafts_join_families(&results[0].own, &results[1].own, &own);
	return err ? err : drafts_join_own(&routed, &own, ret_all);
}

static int put_rule(struct import *import, struct config *config, struct draft *draft)
{
	struct policy *policy = &config->policy;
	int err = 0, index = policy_append_index(policy);
	struct rule *rule = &policy->rules[index];

	naming_set(policy, &draft->rule, index);
	*rule = draft->rule;
	draft->rule = (struct rule){ 0 };
	config->local |= rule_is_local(rule);
	if (rule_is_proxy(rule) && rule->local != TPROXY_LOCAL_ONLY) {
		err = name_set_merge(&config->interfaces, &rule->interfaces);
		import->any_interface |= !rule->interfaces.n;
	}
	return err;
}

static int put_rules(struct import *import, struct ruleset *rules, struct drafts *all,
		     struct config *config)
{
	char text[WHY_LEN];
	int err = 0;

	for (size_t i = 0; i < all->n && i < TPROXY_MAX_RULES && !err; i++)
		err = put_rule(import, config, &all->items[i]);
	if (all->n <= TPROXY_MAX_RULES)
		return err;
	for (size_t i = TPROXY_MAX_RULES; i < all->n; i++)
		if (all->items[i].line >= 0)
			ruleset_fate(&rules->lines[all->items[i].line], IPT_LEFT_OUT,
				     "there are 64 rules already");
	snprintf(text, sizeof(text),
		 "it takes %zu rules, and there can be %d: the last ones are "
		 "missing",
		 all->n, TPROXY_MAX_RULES);
	import->note(text, false, import->arg);
	return err;
}

static int translate(struct import *import, struct ruleset *rules, struct walk_result results[2],
		     struct config *config)
{
	struct drafts all __cleanup_drafts = { 0 };
	struct walk_result said = { .notes = 0 };
	int err = 0;

	for (size_t i = 0; i < rules->n_lines && !err; i++)
		err = take_divert(rules, &rules->lines[i], config);
	if (!err)
		err = walk_all(rules, results);
	if (!err)
		err = join_all(results, &all);
	if (!err)
		err = put_rules(import, rules, &all, config);
	if (!err)
		err = take_sockets(import, rules, config);
	if (err)
		return err;
	said.notes = results[0].notes | results[1].notes;
	take_proxy_mark(import,
			results[0].proxy_mark ? results[0].proxy_mark : results[1].proxy_mark,
			config);
	note_all(import, &said);
	ruleset_settle(rules);
	for (size_t i = 0; i < rules->n_lines; i++)
		report(import, &rules->lines[i]);
	return 0;
}

int import_iptables(struct import *import, FILE *in, struct config *ret_config)
{
	struct config config __cleanup_config = { 0 };
	struct ruleset rules __cleanup_ruleset = { 0 };
	struct walk_result results[2] = { 0 };
	int err = ruleset_read(in, import->ipv6 ? AF_INET6 : AF_INET, &rules);

	import->refused = rules.refused;
	if (!err && !rules.refused)
		err = translate(import, &rules, results, &config);
	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		drafts_free(&results[i].routed);
		drafts_free(&results[i].own);
	}
	if (err)
		return err;
	*ret_config = config;
	config = (struct config){ 0 };
	return 0;
}
