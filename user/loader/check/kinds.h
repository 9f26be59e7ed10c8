/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each problem means, for `doctor --explain` and `doctor --fix`. The checks report a problem
 * with its id (problem.h); here is what is true of every problem of that id. kinds/ has the texts,
 * one file for each group of checks. Must not know how a problem is found.
 */
#ifndef TPROXY_LOADER_CHECK_KINDS_H
#define TPROXY_LOADER_CHECK_KINDS_H

#include <stddef.h>

/* How `doctor --fix` mends it. FIX_NONE: not ours, or unclear; it prints the command instead. */
enum fix {
	FIX_NONE,
	FIX_REPAIR, /* as `watch` does: program, rule, route, look-up link, place of the rule */
	FIX_CLEAN,  /* as `clean` does: what interrupted commands left */
	FIX_SYSCTL, /* the problem's next step begins with "sysctl -w NAME=VALUE": write that */
};

struct kind {
	const char *id;
	const char *title; /* one line, no full stop: "the routing rule is missing" */
	const char *means; /* for flows */
	const char *cause; /* what usually brings it about */
	const char *see;   /* how to see it by hand */
	const char *cure;
	enum fix fix;
};

/* The tables, none of them empty, each ended by an entry without an id. */
extern const struct kind kinds_kernel[], kinds_interface[], kinds_routing[], kinds_firewall[],
	kinds_host[], kinds_proxy[], kinds_relay[], kinds_policy[], kinds_own[];

/* NULL: no such id. */
const struct kind *kind_find(const char *id);
/* All, one after the other: start with NULL; NULL after the last. */
const struct kind *kind_next(const struct kind *kind);

#endif
