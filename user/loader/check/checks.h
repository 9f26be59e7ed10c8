/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one table of checks. Each answers one question about why flows do not reach the proxy, every
 * time from the kernel, and appends what it finds to a list of problems (problem.h). `status`,
 * `test`, `attach` and `watch` run those that are quick and look only at what is ours; `doctor`
 * runs all of them. kinds.h explains the problems. Checks change and repair nothing.
 */
#ifndef TPROXY_LOADER_CHECK_CHECKS_H
#define TPROXY_LOADER_CHECK_CHECKS_H

#include "loader/check/tools/checkup.h"

/* What a check is about; `doctor` prints the groups in this order. */
enum check_group {
	CHECK_KERNEL,
	CHECK_INTERFACE,
	CHECK_ROUTING,
	CHECK_FIREWALL,
	CHECK_HOST,
	CHECK_PROXY,
	CHECK_POLICY,
	CHECK_OWN,
	CHECK_GROUP_MAX
};
extern const char *const check_group_names[CHECK_GROUP_MAX];

#define CHECK_MAX_PROBLEMS 16

struct check {
	const char *id; /* scripts read it: it never changes its meaning */
	enum check_group group;
	const char *question;                         /* "Do packets meet our program first?" */
	const char *problems[CHECK_MAX_PROBLEMS + 1]; /* the ids it may report, then NULL */
	bool deep;                                    /* only `doctor` runs it */
	bool unattached; /* of_all also runs while nothing is attached: c->n is 0, no map is open */
	/* Either may be absent: once for each attached interface that is there, and once at all. */
	void (*of_iface)(struct checkup *c, const struct checked_iface *iface);
	void (*of_all)(struct checkup *c);
};

/* In the order in which they concern a packet, and in which they run. */
extern const struct check checks[];
extern const size_t checks_n;

enum check_depth {
	CHECKS_QUICK, /* `status`, `test`, `attach`, `watch` */
	CHECKS_DEEP,  /* `doctor` */
};

/* Checks one interface and what belongs to none, or with NULL all interfaces. */
void checks_run(struct checkup *c, const char *ifname, enum check_depth depth);
/* Runs one check. c->ifname is set; c->evidence and c->unchecked are those of this check after. */
void check_run(struct checkup *c, const struct check *check);

#endif
