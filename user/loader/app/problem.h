/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list of problems: every check (check/checks.h) adds to it, and `status`, `test`, `attach` and
 * `watch` report it. Knows nothing of what is checked. An id never changes its meaning, as scripts
 * read it.
 */
#ifndef TPROXY_LOADER_APP_PROBLEM_H
#define TPROXY_LOADER_APP_PROBLEM_H

#include <json-c/json.h>

#include "lib/util.h"
#include "tproxy.h"

/* Ordered: a later one is worse. */
enum verdict { VERDICT_OK, VERDICT_DEGRADED, VERDICT_BROKEN, VERDICT_MAX };
extern const char *const verdict_names[VERDICT_MAX];

#define PROBLEM_TEXT_LEN 320

struct problem {
	const char *id;                 /* "earlier-rule"; a string constant */
	enum verdict verdict;           /* the effect of this problem alone; never VERDICT_OK */
	char ifname[TPROXY_IFNAME_LEN]; /* empty: concerns no interface */
	char rule[TPROXY_NAME_LEN];     /* empty: concerns no rule */
	__u8 classes;                   /* of flows, bit N: enum tproxy_class N; 0: all */
	char text[PROBLEM_TEXT_LEN]; /* one sentence: what was found, and what it means for flows */
	/*
	 * The next step. "COMMAND" or "COMMAND; remark" where a command mends it, with real names.
	 * problem_next quotes the name of the interface for a shell.
	 */
	char next[PROBLEM_TEXT_LEN];
};

struct problems {
	struct problem *items; /* owned */
	size_t n, room;
	bool incomplete; /* one is missing for lack of memory */
};
#define PROBLEMS_NONE                                                                              \
	{                                                                                          \
		.items = NULL                                                                      \
	}

/*
 * Appends one with empty text. NULL without memory; problems_verdict is then at least degraded.
 * ifname and rule may be NULL.
 */
struct problem *problem_add(struct problems *problems, const char *id, enum verdict verdict,
			    const char *ifname, const char *rule);
/* Set its text and its next step; p may be NULL. */
void problem_text(struct problem *p, const char *fmt, ...) __printf(2, 3);
void problem_next(struct problem *p, const char *fmt, ...) __printf(2, 3);
/* It concerns only flows of these classes; p may be NULL. */
void problem_concerns(struct problem *p, __u8 classes);
#define PROBLEM_IPV4 (1 << TPROXY_TCP4 | 1 << TPROXY_UDP4)
#define PROBLEM_IPV6 (1 << TPROXY_TCP6 | 1 << TPROXY_UDP6)

/* The worst of all. */
enum verdict problems_verdict(const struct problems *problems);
/* Are id, interface and rule the same? */
bool problem_same(const struct problem *a, const struct problem *b);
const struct problem *problems_find(const struct problems *problems, const struct problem *like);

#define PROBLEM_LINE_LEN (2 * PROBLEM_TEXT_LEN + TPROXY_IFNAME_LEN + TPROXY_NAME_LEN + 16)
/* "IF: rule R: TEXT (NEXT)" into buf, of PROBLEM_LINE_LEN bytes. Returns buf. */
char *problem_line(const struct problem *p, char *buf);
/* "  x LINE", or "!" where it is not broken, for each; on standard output. */
void problems_print(const struct problems *problems);
/* Adds id, verdict, interface, rule, text and next. */
void problem_add_json(const struct problem *p, struct json_object *object);
/* An array of such objects. */
struct json_object *problems_json(const struct problems *problems);

void problems_free(struct problems *problems);
#define __cleanup_problems __attribute__((cleanup(problems_free)))

#endif
