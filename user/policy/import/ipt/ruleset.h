/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iptables-save text as tables, chains and lines, and what became of each line. Reads, but does not
 * walk: must not know what a chain leads to.
 */
#ifndef TPROXY_POLICY_IMPORT_IPT_RULESET_H
#define TPROXY_POLICY_IMPORT_IPT_RULESET_H

#include <stdio.h>

#include "policy/import/ipt/ipset.h"
#include "policy/import/ipt/ipt_rule.h"

enum ipt_table { IPT_RAW, IPT_MANGLE, IPT_NAT, IPT_OTHER_TABLE };

enum ipt_hook { IPT_PREROUTING, IPT_OUTPUT, IPT_HOOK_MAX };

enum ipt_fate {
	IPT_UNSEEN,    /* no walk came here */
	IPT_ELSEWHERE, /* of a chain that does not intercept */
	IPT_NEEDLESS,  /* no flow that can be intercepted matches it, or it decides nothing */
	IPT_LOST,      /* what it does to other flows than ours is lost, if no walk uses it */
	IPT_USED,      /* it is in the rules */
	IPT_LEFT_OUT,
};

struct ipt_line {
	unsigned int number; /* of the text, from 1 */
	char *text;          /* owned */
	enum ipt_table table;
	__u8 family;
	struct ipt_rule rule; /* owned */
	int next;             /* line of the same chain; -1: the last one */
	int to;               /* chain that it jumps to; -1: none of that name */
	enum ipt_fate fate;
	char why[IPT_WHY_LEN]; /* for needless and left out */
};

struct ipt_chain {
	char name[IPT_NAME_LEN];
	enum ipt_table table;
	__u8 family;
	bool declared; /* by a line ":NAME …" */
	bool drops;    /* its policy is DROP */
	/* Hooks that lead here, whatever the conditions of jumps: bits of 1 << enum ipt_hook. */
	unsigned int hooks;
	unsigned int number;
	int first, last; /* lines; -1: none */
};

struct ruleset {
	struct ipsets sets;
	struct ipt_line *lines; /* owned */
	size_t n_lines, lines_room;
	struct ipt_chain *chains; /* owned */
	size_t n_chains, chains_room;
	bool has_table;      /* a line "*TABLE" */
	size_t tables;       /* of those that can intercept */
	const char *refused; /* why the text is something else; static, NULL: it is not */
};

/*
 * family: of text that does not name the program that wrote it. 0, or -ENOMEM, -EIO, -EFBIG (a line
 * is too long). Text of another kind sets `refused`.
 */
int ruleset_read(FILE *in, __u8 family, struct ruleset *ret_rules);
/* Index of a chain, or -1. */
int ruleset_chain(const struct ruleset *rules, enum ipt_table table, __u8 family, const char *name);
void ruleset_free(struct ruleset *rules);
#define __cleanup_ruleset __attribute__((cleanup(ruleset_free)))

/* The strongest fate of several walks stays, with its first reason. */
void ruleset_fate(struct ipt_line *line, enum ipt_fate fate, const char *why);
/* Finds a fate for the lines that no walk came to. */
void ruleset_settle(struct ruleset *rules);

#endif
