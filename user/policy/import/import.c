/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/import.h"

#include <ctype.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/line.h"
#include "lib/util.h"
#include "policy/import/iptables.h"

#define MAX_DEPTH 16
/* Chains that jump to each other many times would take years. */
#define MAX_STEPS 20000

struct line {
	unsigned int number;
	char *text;
	struct ipt_rule rule;
};

struct reading {
	struct import *import;
	struct config *config;
	struct line *lines; /* rules of the mangle table being read */
	size_t n, room;
	__u8 family;
	bool mangle;
	unsigned int steps;
};

/* ---- our rules ---------------------------------------------------------- */

static void leave_out(const struct reading *r, const struct line *line, const char *why,
		      bool needless)
{
	r->import->left_out(line->number, line->text, why, needless, r->import->arg);
}

/* From the comment, if it has one: "ssh to the gate" becomes ssh-to-the-gate. */
static void name_rule(const struct policy *policy, const struct ipt_rule *from, const char *word,
		      int index, char *ret_name)
{
	char name[TPROXY_NAME_LEN] = "";
	size_t len = 0;

	for (const char *p = from->comment; *p && len < 24; p++)
		if (isalnum((unsigned char)*p) || strchr("-_.", *p))
			name[len++] = *p;
		else if (len && name[len - 1] != '-')
			name[len++] = '-';
	while (len && name[len - 1] == '-')
		len--;
	name[len] = '\0';
	if (!len)
		snprintf(name, sizeof(name), "%s-%d", word, index + 1);
	else if (policy_find(policy, name) >= 0)
		snprintf(name + len, sizeof(name) - len, "-%d", index + 1);
	snprintf(ret_name, TPROXY_NAME_LEN, "%s", name);
}

static int add_services(struct rule *rule, const struct ipt_match *m, __u8 proto)
{
	static const struct port_range every_port;
	int err = 0;

	if (m->proto && m->proto != proto)
		return 0;
	if (!m->has_ports)
		return service_set_add(&rule->services, proto, every_port);
	for (size_t i = 0; i < m->ports.n && !err; i++)
		err = service_set_add(&rule->services, proto, m->ports.items[i].range);
	return err;
}

static int add_side(const struct reading *r, struct prefix_set *to, const struct prefix_set *from,
		    bool has)
{
	const struct prefix every = { .family = r->family };

	return has ? prefix_set_merge(to, from) : prefix_set_append(to, &every);
}

static int fill_rule(struct reading *r, struct rule *rule, const struct ipt_match *m)
{
	int err = add_services(rule, m, IPPROTO_TCP);

	if (!err)
		err = add_services(rule, m, IPPROTO_UDP);
	if (!err)
		err = add_side(r, &rule->to, &m->to, m->has_to);
	if (!err)
		err = add_side(r, &rule->from, &m->from, m->has_from);
	if (!err)
		err = name_set_merge(&rule->interfaces, &m->interfaces);
	prefix_set_sort(&rule->to);
	prefix_set_sort(&rule->from);
	return err;
}

static bool matches_nothing(const struct ipt_match *m)
{
	return (m->has_to && !m->to.n) || (m->has_from && !m->from.n) ||
	       (m->has_ports && !m->ports.n);
}

static int add_rule(struct reading *r, const struct line *line, const struct ipt_match *m,
		    enum tproxy_action action)
{
	struct policy *policy = &r->config->policy;
	int err, index = policy_append_index(policy);
	struct rule *rule;

	if (matches_nothing(m)) {
		leave_out(r, line, "it can never match", true);
		return 0;
	}
	if (index < 0) {
		leave_out(r, line, "there are 64 rules already", false);
		return 0;
	}
	rule = &policy->rules[index];
	name_rule(policy, &line->rule, policy_action_names[action], index, rule->name);
	rule->used = true;
	rule->action = action;
	if (action == TPROXY_ACTION_PROXY) {
		rule->proxy = line->rule.proxy;
		err = name_set_merge(&r->config->interfaces, &m->interfaces);
		r->import->any_interface |= !m->interfaces.n;
		if (err)
			return err;
	}
	return fill_rule(r, rule, m);
}

/* ---- chains ------------------------------------------------------------- */

static int walk(struct reading *r, const char *chain, const struct ipt_match *so_far, int depth,
		bool more_after);

static bool decides(const struct ipt_rule *rule)
{
	if (rule->match.socket || rule->match.established || rule->match.other_proto)
		return false;
	switch (rule->target) {
	case IPT_NOTHING:
	case IPT_RETURN:
		return false;
	default:
		return true;
	}
}

/* Does a rule that decides follow in the same chain? */
static bool more_follows(const struct reading *r, size_t at)
{
	for (size_t i = at + 1; i < r->n; i++)
		if (!strcmp(r->lines[i].rule.chain, r->lines[at].rule.chain) &&
		    decides(&r->lines[i].rule))
			return true;
	return false;
}

static bool chain_exists(const struct reading *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->lines[i].rule.chain, name))
			return true;
	return false;
}

/* Why the data path needs no rule for these; NULL: it does. */
static const char *needless(const struct ipt_match *m)
{
	if (m->socket)
		return "packets of a flow that has a socket here always reach that socket";
	if (m->established)
		return "rules decide only about the start of a flow";
	if (m->local)
		return "flows to addresses of this host are never intercepted";
	if (m->other_proto)
		return "only TCP and UDP are intercepted";
	return NULL;
}

static int take_jump(struct reading *r, size_t at, const struct ipt_match *m, int depth,
		     bool more_after)
{
	const struct line *line = &r->lines[at];

	if (!chain_exists(r, line->rule.target_name)) {
		leave_out(r, line, "its chain has no rules", true);
		return 0;
	}
	if (depth == MAX_DEPTH) {
		leave_out(r, line, "chains are nested too deeply", false);
		return 0;
	}
	return walk(r, line->rule.target_name, m, depth + 1, more_after || more_follows(r, at));
}

static int take_target(struct reading *r, size_t at, const struct ipt_match *m, int depth,
		       bool more_after)
{
	const struct line *line = &r->lines[at];
	enum ipt_target target = line->rule.target;
	const char *why = needless(m);

	if (target == IPT_NOTHING)
		return 0;
	if (target == IPT_UNKNOWN) {
		leave_out(r, line, "its target has no counterpart", false);
		return 0;
	}
	if (why) {
		leave_out(r, line, why, target != IPT_TPROXY && target != IPT_DROP);
		return 0;
	}
	switch (target) {
	case IPT_JUMP:
		return take_jump(r, at, m, depth, more_after);
	case IPT_TPROXY:
		return add_rule(r, line, m, TPROXY_ACTION_PROXY);
	case IPT_DROP:
		return add_rule(r, line, m, TPROXY_ACTION_DROP);
	case IPT_RETURN:
		if (depth && more_after) {
			leave_out(r, line,
				  "it returns to the calling chain, where more rules decide",
				  false);
			return 0;
		}
		return add_rule(r, line, m, TPROXY_ACTION_PASS);
	default:
		return add_rule(r, line, m, TPROXY_ACTION_PASS);
	}
}

static int take_rule(struct reading *r, size_t at, const struct ipt_match *so_far, int depth,
		     bool more_after)
{
	struct line *line = &r->lines[at];
	struct ipt_match both = { 0 };
	const char *why = line->rule.why;
	int err;

	if (r->steps++ >= MAX_STEPS) {
		if (r->steps == MAX_STEPS + 1)
			leave_out(r, line, "too many jumps: this rule and all after it", false);
		return 0;
	}
	if (*why) {
		leave_out(r, line, why, false);
		return 0;
	}
	err = ipt_match_and(so_far, &line->rule.match, &both, &why);
	if (err == -ENOTSUP) {
		leave_out(r, line, why, false);
		return 0;
	}
	if (!err)
		err = take_target(r, at, &both, depth, more_after);
	ipt_match_free(&both);
	return err;
}

static int walk(struct reading *r, const char *chain, const struct ipt_match *so_far, int depth,
		bool more_after)
{
	int err = 0;

	for (size_t i = 0; i < r->n && !err; i++)
		if (!strcmp(r->lines[i].rule.chain, chain))
			err = take_rule(r, i, so_far, depth, more_after);
	return err;
}

/* ---- lines -------------------------------------------------------------- */

static void forget_lines(struct reading *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->lines[i].text);
		ipt_rule_free(&r->lines[i].rule);
	}
	r->n = 0;
}

static int end_table(struct reading *r)
{
	static const struct ipt_match everything;
	int err = r->mangle ? walk(r, "PREROUTING", &everything, 0, false) : 0;

	forget_lines(r);
	r->mangle = false;
	return err;
}

static int take_mangle(struct reading *r, unsigned int number, char *text)
{
	struct line line = { .number = number, .text = strdup(text) };
	int err = line.text ? ipt_parse(text, r->family, &line.rule) : -ENOMEM;

	if (!err)
		err = array_room((void **)&r->lines, r->n, &r->room, sizeof(*r->lines));
	if (!err) {
		r->lines[r->n++] = line;
		return 0;
	}
	if (err == -EINVAL)
		leave_out(r, &line, "not a rule", false);
	ipt_rule_free(&line.rule);
	free(line.text);
	return err == -EINVAL ? 0 : err;
}

/* Rules of other tables do not intercept, unless they redirect. */
static void check_other_table(const struct reading *r, unsigned int number, char *text)
{
	const struct line line = { .number = number, .text = text };

	if (strstr(text, "-j REDIRECT"))
		leave_out(r, &line,
			  "a redirected flow has lost its destination: use the proxy's port for "
			  "TPROXY, if it has one",
			  false);
}

static int take_line(struct reading *r, unsigned int number, char *text)
{
	char *end = text + strlen(text);

	while (end > text && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	/* The line may be printed. */
	for (char *p = text; *p; p++)
		if ((*p < ' ' && *p != '\t') || *p == 0x7f)
			*p = '?';
	if (*text == '[' && strchr(text, ']')) /* counters of iptables-save -c */
		text = strchr(text, ']') + 1;
	text += strspn(text, " \t");
	if (*text == '#') {
		if (strstr(text, "ip6tables-save"))
			r->family = AF_INET6;
		else if (strstr(text, "iptables-save"))
			r->family = AF_INET;
		return 0;
	}
	if (*text == '*') {
		int err = end_table(r);

		r->mangle = !strcmp(text, "*mangle");
		return err;
	}
	if (!strcmp(text, "COMMIT"))
		return end_table(r);
	if (*text != '-')
		return 0; /* chains and their policies */
	if (r->mangle)
		return take_mangle(r, number, text);
	check_other_table(r, number, text);
	return 0;
}

int import_iptables(struct import *import, FILE *in, struct config *ret_config)
{
	struct config config __cleanup_config = { 0 };
	struct reading r = { .import = import,
			     .config = &config,
			     .family = import->ipv6 ? AF_INET6 : AF_INET };
	__cleanup_free char *text = NULL;
	size_t room = 0;
	int err = 0;

	for (unsigned int number = 1; !err && line_read(&text, &room, in) >= 0; number++)
		err = take_line(&r, number, text);
	if (!err && (ferror(in) || errno))
		err = ferror(in) ? -EIO : -errno;
	if (!err)
		err = end_table(&r);
	forget_lines(&r);
	free(r.lines);
	if (err)
		return err;
	*ret_config = config;
	config = (struct config){ 0 };
	return 0;
}
