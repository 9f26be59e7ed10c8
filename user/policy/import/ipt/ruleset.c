/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/ipt/ruleset.h"

#include <string.h>
#include <sys/socket.h>

#include "lib/line.h"
#include "lib/util.h"
#include "policy/import/ipt/ipt_parse.h"
#include "policy/import/ipt/words.h"

#define MAX_CHAINS 4096

struct reading {
	struct ruleset *rules;
	__u8 family;
	enum ipt_table table;
	bool in_table;
};

/* ---- chains ------------------------------------------------------------- */

int ruleset_chain(const struct ruleset *rules, enum ipt_table table, __u8 family, const char *name)
{
	for (size_t i = 0; i < rules->n_chains; i++)
		if (rules->chains[i].table == table && rules->chains[i].family == family &&
		    !strcmp(rules->chains[i].name, name))
			return (int)i;
	return -1;
}

/* Its index, also if it is new; or -errno. */
static int have_chain(struct reading *r, const char *name)
{
	struct ruleset *rules = r->rules;
	int err, found = ruleset_chain(rules, r->table, r->family, name);
	struct ipt_chain *chain;

	if (found >= 0)
		return found;
	if (rules->n_chains == MAX_CHAINS)
		return -EFBIG;
	err = array_room((void **)&rules->chains, rules->n_chains, &rules->chains_room,
			 sizeof(*rules->chains));
	if (err)
		return err;
	chain = &rules->chains[rules->n_chains];
	*chain = (struct ipt_chain){
		.table = r->table, .family = r->family, .first = -1, .last = -1
	};
	snprintf(chain->name, sizeof(chain->name), "%s", name);
	return (int)rules->n_chains++;
}

/* ":PREROUTING ACCEPT [0:0]" */
static int take_chain(struct reading *r, unsigned int number, char *text)
{
	char *words[4];
	int index, n = words_split(text + 1, words, ARRAY_SIZE(words));

	if (n < 1)
		return 0;
	index = have_chain(r, words[0]);
	if (index < 0)
		return index;
	r->rules->chains[index].declared = true;
	r->rules->chains[index].number = number;
	r->rules->chains[index].drops = n > 1 && !strcmp(words[1], "DROP");
	return 0;
}

static int put_in_chain(struct reading *r, int at)
{
	struct ipt_line *line = &r->rules->lines[at];
	int index = have_chain(r, line->rule.chain);
	struct ipt_chain *chain;

	if (index < 0)
		return index;
	chain = &r->rules->chains[index];
	if (chain->last < 0)
		chain->first = at;
	else
		r->rules->lines[chain->last].next = at;
	chain->last = at;
	return 0;
}

/* ---- lines -------------------------------------------------------------- */

static struct ipt_line *new_line(struct reading *r, unsigned int number, const char *text)
{
	struct ruleset *rules = r->rules;
	struct ipt_line line = { .number = number,
				 .table = r->table,
				 .family = r->family,
				 .next = -1,
				 .to = -1,
				 .text = strdup(text) };

	if (!line.text || array_room((void **)&rules->lines, rules->n_lines, &rules->lines_room,
				     sizeof(*rules->lines))) {
		free(line.text);
		return NULL;
	}
	rules->lines[rules->n_lines] = line;
	return &rules->lines[rules->n_lines++];
}

static int take_rule(struct reading *r, unsigned int number, char *text)
{
	struct ipt_line *line = new_line(r, number, text);
	int err = line ? ipt_parse(text, r->family, &r->rules->sets, &line->rule) : -ENOMEM;

	if (err == -EINVAL) {
		ruleset_fate(line, IPT_LEFT_OUT, "not a rule");
		return 0;
	}
	return err ? err : put_in_chain(r, (int)(line - r->rules->lines));
}

static int take_set(struct reading *r, unsigned int number, char *text)
{
	struct ipt_line *line = new_line(r, number, text);
	int err = line ? ipsets_take(&r->rules->sets, text) : -ENOMEM;

	if (!err)
		ruleset_fate(line, IPT_USED, "");
	else if (err == -EINVAL)
		ruleset_fate(line, IPT_LEFT_OUT, "neither a rule nor a set");
	return err == -EINVAL ? 0 : err;
}

static void take_header(struct reading *r, const char *text)
{
	bool is_save = strstr(text, "tables-save") || strstr(text, "tables-nft-save") ||
		       strstr(text, "tables-legacy-save");

	if (is_save)
		r->family = strstr(text, "ip6tables-") ? AF_INET6 : AF_INET;
}

static void take_table(struct reading *r, const char *text)
{
	static const char *const names[] = { "raw", "mangle", "nat" };
	int table = parse_name(text + 1, names, ARRAY_SIZE(names));

	r->rules->has_table = r->in_table = true;
	r->rules->tables += table >= 0;
	r->table = table < 0 ? IPT_OTHER_TABLE : (enum ipt_table)table;
	ipsets_tidy(&r->rules->sets);
}

/* Text of other programs, by its start. */
static const char *other_kind(const char *text)
{
	static const struct {
		const char *start, *why;
	} kinds[] = {
		{ "-P ", "this is what iptables -S prints (iptables-save | tproxy-loader import)" },
		{ "-N ", "this is what iptables -S prints (iptables-save | tproxy-loader import)" },
		{ "-A ", "this is what iptables -S prints (iptables-save | tproxy-loader import)" },
		{ "Chain ",
		  "this is what iptables -L prints (iptables-save | tproxy-loader import)" },
		{ "#!", "this is a script (run it, then iptables-save | tproxy-loader import)" },
		{ "iptables ", "these are commands (run them, then iptables-save | tproxy-loader "
			       "import)" },
		{ "ip6tables ", "these are commands (run them, then ip6tables-save | "
				"tproxy-loader import)" },
		{ "table ", "text of nft cannot be read; only the rules of iptables can "
			    "(iptables-save | tproxy-loader import)" },
		{ "{", "nft rules cannot be read; only the rules of iptables can (iptables-save | "
		       "tproxy-loader import)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strncmp(text, kinds[i].start, strlen(kinds[i].start)))
			return kinds[i].why;
	return NULL;
}

/* The line may be printed. */
static char *clean(char *text)
{
	char *end = text + strlen(text);

	while (end > text && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	for (char *p = text; *p; p++)
		if ((*p < ' ' && *p > 0 && *p != '\t') || *p == 0x7f)
			*p = '?';
	if (*text == '[' && strchr(text, ']')) /* counters of iptables-save -c */
		text = strchr(text, ']') + 1;
	return text + strspn(text, " \t");
}

static int take_line(struct reading *r, unsigned int number, char *text)
{
	text = clean(text);
	if (!*text)
		return 0;
	if (!r->rules->has_table && !r->rules->n_lines && !r->rules->refused)
		r->rules->refused = other_kind(text);
	if (r->rules->refused)
		return 0;
	if (*text == '#')
		take_header(r, text);
	else if (*text == '*')
		take_table(r, text);
	else if (!strcmp(text, "COMMIT"))
		r->in_table = false;
	else if (!r->in_table)
		return take_set(r, number, text);
	else if (*text == ':')
		return take_chain(r, number, text);
	else
		return take_rule(r, number, text);
	return 0;
}

/* ---- all of them -------------------------------------------------------- */

static void link_jumps(struct ruleset *rules)
{
	for (size_t i = 0; i < rules->n_lines; i++) {
		struct ipt_line *line = &rules->lines[i];

		if (line->rule.target != IPT_JUMP && line->rule.target != IPT_GOTO)
			continue;
		line->to = ruleset_chain(rules, line->table, line->family, line->rule.target_name);
		if (line->to < 0) /* of an extension */
			line->rule.target = IPT_UNKNOWN;
	}
}

int ruleset_read(FILE *in, __u8 family, struct ruleset *ret_rules)
{
	struct ruleset rules __cleanup_ruleset = { 0 };
	struct reading r = { .rules = &rules, .family = family };
	__cleanup_free char *text = NULL;
	size_t room = 0;
	int err = 0;

	for (unsigned int number = 1; !err && line_read(&text, &room, in) >= 0; number++)
		err = take_line(&r, number, text);
	if (!err && (ferror(in) || errno))
		err = ferror(in) ? -EIO : -errno;
	if (err)
		return err;
	if (!rules.refused && !rules.tables)
		rules.refused = "there is no table that intercepts (iptables-save | tproxy-loader "
				"import, as root)";
	link_jumps(&rules);
	*ret_rules = rules;
	rules = (struct ruleset){ 0 };
	return 0;
}

void ruleset_free(struct ruleset *rules)
{
	for (size_t i = 0; i < rules->n_lines; i++) {
		free(rules->lines[i].text);
		ipt_rule_free(&rules->lines[i].rule);
	}
	free(rules->lines);
	free(rules->chains);
	ipsets_free(&rules->sets);
	*rules = (struct ruleset){ 0 };
}

/* ---- fates -------------------------------------------------------------- */

void ruleset_fate(struct ipt_line *line, enum ipt_fate fate, const char *why)
{
	if (fate <= line->fate)
		return;
	line->fate = fate;
	snprintf(line->why, sizeof(line->why), "%s", why);
}

/* Gives the chains that lines of `from` lead to its hooks. Returns whether that is new. */
static bool reach_from(struct ruleset *rules, const struct ipt_chain *from)
{
	bool more = false;

	for (int at = from->first; at >= 0; at = rules->lines[at].next) {
		int to = rules->lines[at].to;

		if (to < 0)
			continue;
		more |= (from->hooks & ~rules->chains[to].hooks) != 0;
		rules->chains[to].hooks |= from->hooks;
	}
	return more;
}

static void reach(struct ruleset *rules)
{
	static const char *const names[IPT_HOOK_MAX] = { "PREROUTING", "OUTPUT" };
	bool more = true;

	for (size_t i = 0; i < rules->n_chains; i++) {
		int hook = parse_name(rules->chains[i].name, names, IPT_HOOK_MAX);

		if (hook >= 0 && rules->chains[i].table != IPT_OTHER_TABLE)
			rules->chains[i].hooks = 1u << hook;
	}
	while (more) {
		more = false;
		for (size_t i = 0; i < rules->n_chains; i++)
			more |= reach_from(rules, &rules->chains[i]);
	}
}

/* NAT of what enters is not walked. */
static void settle_nat(struct ipt_line *line)
{
	if (line->rule.target == IPT_REDIRECT)
		ruleset_fate(line, IPT_LEFT_OUT,
			     "a redirected flow has lost its destination: use the proxy's port for "
			     "TPROXY, if it has one");
	else
		ruleset_fate(line, IPT_ELSEWHERE, "NAT of what enters");
}

static void settle_line(struct ruleset *rules, struct ipt_line *line)
{
	int chain = ruleset_chain(rules, line->table, line->family, line->rule.chain);
	unsigned int hooks = chain < 0 ? 0 : rules->chains[chain].hooks;

	if (!hooks)
		ruleset_fate(line, IPT_ELSEWHERE, "its chain does not intercept");
	else if (line->table == IPT_NAT && hooks & 1u << IPT_PREROUTING)
		settle_nat(line);
	else if (line->rule.why[0])
		ruleset_fate(line, IPT_LEFT_OUT, line->rule.why);
	else if (!strcmp(line->rule.match.in, "lo") && line->rule.target == IPT_TPROXY)
		ruleset_fate(line, IPT_LEFT_OUT,
			     "OUTPUT sends no flow to lo, so this is about flows "
			     "of this host to itself");
	else
		ruleset_fate(line, IPT_NEEDLESS, "no flow that rules decide about comes here");
}

void ruleset_settle(struct ruleset *rules)
{
	reach(rules);
	for (size_t i = 0; i < rules->n_lines; i++)
		if (rules->lines[i].fate == IPT_UNSEEN)
			settle_line(rules, &rules->lines[i]);
}
