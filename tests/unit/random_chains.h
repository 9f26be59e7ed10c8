/* SPDX-License-Identifier: BSD-2-Clause */
/* Random rule sets of iptables, of the kind that import supports, and their text. */
#ifndef RANDOM_CHAINS_H
#define RANDOM_CHAINS_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"

#define MAX_RULES 6
#define PROXY 1000 /* the first port of proxies */

/* Chains jump to later ones only. */
enum { PREROUTING, IN1, IN2, OUTPUT, OUT1, OUT2, NAT, NAT1, CHAINS };
static const char *const chain_names[CHAINS] = { "PREROUTING", "IN1",  "IN2",    "OUTPUT",
						 "OUT1",       "OUT2", "OUTPUT", "NAT1" };
static const int chain_end[CHAINS] = { OUTPUT, OUTPUT, OUTPUT, NAT, NAT, NAT, CHAINS, CHAINS };

enum target { ACCEPT, RETURN, DROP, MARK, CONNMARK, SAVE, RESTORE, JUMP, GOTO, TAKE, LOG, TARGETS };

static const char *const interfaces[] = { "lan0", "lan1", "wan0", "lan+" };
static const char *const networks[] = { "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "192.0.2.0/24",
					"203.0.113.7/32" };
static const char *const addresses[] = { "10.0.0.1",  "10.1.0.1",    "10.1.2.3",
					 "192.0.2.1", "203.0.113.7", "198.51.100.1" };
static const char *const cgroups[] = { "a", "a/b", "c" };
static const unsigned int ids[] = { 0, 7, 111, 1500 };
static const unsigned int ports[] = { 79, 80, 81, 443, 65535 };

struct cond {
	int value; /* index, -1: no condition */
	bool invert;
};

struct a_rule {
	struct cond in, from, to, port, uid, gid, cgroup, mark, connmark, state;
	int proto; /* 0 any, 6, 17 */
	enum target target;
	int chain; /* of a jump */
	unsigned int number, value, mask;
};

struct a_set {
	struct a_rule rules[CHAINS][MAX_RULES];
	int n[CHAINS];
	bool drops;     /* policy of PREROUTING */
	bool has_takes; /* a TPROXY line */
};

struct a_flow {
	bool own;
	int in, proto, from, to, cgroup;
	unsigned int port, uid, gid, mark, connmark;
	bool back; /* own, by lo */
};

static unsigned int seed;

static unsigned int pick(unsigned int n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % n;
}

/* ---- a set -------------------------------------------------------------- */

static struct cond maybe(unsigned int n, unsigned int one_in)
{
	struct cond none = { -1, false };

	if (!one_in || pick(one_in))
		return none;
	return (struct cond){ (int)pick(n), !pick(4) };
}

static enum target pick_target(int chain, bool may_jump)
{
	bool takes = chain < OUTPUT || chain >= NAT;
	enum target target = (enum target)pick(TARGETS);

	if ((target == JUMP || target == GOTO) && !may_jump)
		target = RETURN;
	if (target == TAKE && !takes)
		target = MARK;
	if (takes && !pick(3))
		target = TAKE;
	return target;
}

static void make_rule(struct a_set *set, int chain, struct a_rule *rule)
{
	static const unsigned int masks[] = { 1, 2, 3, 0xffffffff };
	static const int protos[] = { 0, 6, 17 };
	bool enters = chain < OUTPUT;
	int more = chain_end[chain] - chain - 1;

	rule->in = maybe(ARRAY_SIZE(interfaces), enters ? 4 : 0);
	rule->from = maybe(ARRAY_SIZE(networks), 5);
	rule->to = maybe(ARRAY_SIZE(networks), 3);
	rule->uid = maybe(ARRAY_SIZE(ids), enters ? 0 : 4);
	rule->gid = maybe(ARRAY_SIZE(ids), enters ? 0 : 6);
	rule->cgroup = maybe(ARRAY_SIZE(cgroups), enters ? 0 : 6);
	rule->mark = maybe(4, 6);
	rule->connmark = maybe(4, 10);
	rule->state = maybe(3, 10);
	rule->proto = protos[pick(3)];
	rule->target = pick_target(chain, more > 0);
	if (rule->target == TAKE && !rule->proto)
		rule->proto = 6;
	rule->port = maybe(4, rule->proto ? 3 : 0);
	rule->chain = chain + 1 + (more > 0 ? (int)pick((unsigned int)more) : 0);
	rule->value = pick(4);
	rule->mask = masks[pick(4)];
	if (rule->target == TAKE && enters) {
		/* So that the mark is the one that leads to lo, and no other. */
		rule->mark.value = -1;
		set->has_takes = true;
	}
}

static void make_set(struct a_set *set)
{
	unsigned int number = 0;

	memset(set, 0, sizeof(*set));
	set->drops = !pick(8);
	for (int chain = 0; chain < CHAINS; chain++) {
		set->n[chain] = (int)pick(MAX_RULES + 1);
		for (int i = 0; i < set->n[chain]; i++) {
			set->rules[chain][i].number = number++;
			make_rule(set, chain, &set->rules[chain][i]);
		}
	}
}

/* ---- as text ------------------------------------------------------------ */

static void put(FILE *out, struct cond cond, const char *option, const char *value)
{
	if (cond.value >= 0)
		fprintf(out, " %s%s %s", cond.invert ? "! " : "", option, value);
}

static const char *number(unsigned int value)
{
	static char text[4][24];
	static unsigned int at;

	at = (at + 1) % 4;
	snprintf(text[at], sizeof(text[at]), "%u", value);
	return text[at];
}

static void put_port(FILE *out, struct cond port)
{
	static const char *const lists[] = { "80", "80:443", "79:81", "443:" };

	put(out, port, "--dport", lists[port.value < 0 ? 0 : port.value]);
}

static void put_conds(FILE *out, const struct a_rule *rule)
{
	static const char *const states[] = { "NEW", "RELATED,ESTABLISHED", "NEW,ESTABLISHED" };

	put(out, rule->from, "-s", networks[rule->from.value < 0 ? 0 : rule->from.value]);
	put(out, rule->to, "-d", networks[rule->to.value < 0 ? 0 : rule->to.value]);
	put(out, rule->in, "-i", interfaces[rule->in.value < 0 ? 0 : rule->in.value]);
	if (rule->proto)
		fprintf(out, " -p %s", rule->proto == 6 ? "tcp" : "udp");
	put_port(out, rule->port);
	put(out, rule->uid, "--uid-owner", number(rule->uid.value < 0 ? 0 : ids[rule->uid.value]));
	put(out, rule->gid, "--gid-owner", number(rule->gid.value < 0 ? 0 : ids[rule->gid.value]));
	put(out, rule->cgroup, "--path", cgroups[rule->cgroup.value < 0 ? 0 : rule->cgroup.value]);
	put(out, rule->state, "--ctstate", states[rule->state.value < 0 ? 0 : rule->state.value]);
	fputs(" -m mark", out);
	put(out, rule->mark, "--mark", number((unsigned int)rule->mark.value));
	fputs(" -m connmark", out);
	put(out, rule->connmark, "--mark", number((unsigned int)rule->connmark.value));
}

static void put_target(FILE *out, int chain, const struct a_rule *rule)
{
	static const char *const plain[TARGETS] = {
		[ACCEPT] = "-j ACCEPT", [RETURN] = "-j RETURN",
		[DROP] = "-j DROP",     [SAVE] = "-j CONNMARK --save-mark",
		[LOG] = "-j LOG",       [RESTORE] = "-j CONNMARK --restore-mark",
	};

	if (plain[rule->target])
		fprintf(out, " %s\n", plain[rule->target]);
	else if (rule->target == JUMP || rule->target == GOTO)
		fprintf(out, " %s %s\n", rule->target == JUMP ? "-j" : "-g",
			chain_names[rule->chain]);
	else if (rule->target == TAKE && chain < OUTPUT)
		fprintf(out, " -j TPROXY --on-port %u --tproxy-mark 0x1/0x1\n",
			PROXY + rule->number);
	else if (rule->target == TAKE)
		fprintf(out, " -j REDIRECT --to-ports %u\n", PROXY + rule->number);
	else
		fprintf(out, " -j %s --set-xmark 0x%x/0x%x\n",
			rule->target == MARK ? "MARK" : "CONNMARK", rule->value, rule->mask);
}

static void put_chains(FILE *out, const struct a_set *set, int first, int end)
{
	for (int chain = first; chain < end; chain++)
		fprintf(out, ":%s %s [0:0]\n", chain_names[chain],
			chain != PREROUTING ? "ACCEPT" :
			set->drops          ? "DROP" :
					      "ACCEPT");
	for (int chain = first; chain < end; chain++)
		for (int i = 0; i < set->n[chain]; i++) {
			fprintf(out, "-A %s", chain_names[chain]);
			put_conds(out, &set->rules[chain][i]);
			put_target(out, chain, &set->rules[chain][i]);
		}
}

static char *print_set(const struct a_set *set)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		abort();
	fputs("*mangle\n", out);
	put_chains(out, set, PREROUTING, NAT);
	fputs("COMMIT\n*nat\n", out);
	put_chains(out, set, NAT, CHAINS);
	fputs("COMMIT\n", out);
	fclose(out);
	return text;
}

#endif
