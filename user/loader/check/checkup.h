/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one table of checks. Two questions, asked of the kernel now and never remembered: can a
 * packet get past us, and does a steered packet arrive? `status`, `test`, `attach` and `watch`
 * run it; each check is a function in a check_NAME.c and appends to a list of problems (problem.h).
 * Checks only look; they change nothing and repair nothing.
 */
#ifndef TPROXY_LOADER_CHECK_CHECKUP_H
#define TPROXY_LOADER_CHECK_CHECKUP_H

#include "lib/device.h"
#include "kernel/maps/policy_maps.h"
#include "policy/policy.h"
#include "loader/app/app.h"
#include "loader/app/command_lock.h"
#include "loader/app/problem.h"

/* One attached interface, as the maps have it and as the kernel has it. */
struct checked_iface {
	struct iface_entry iface;
	struct device device; /* if it is there */
	bool there;           /* a device of that ifindex and name is in this namespace */
};

struct checkup {
	struct session *session;
	struct checked_iface *ifaces; /* owned */
	size_t n;
	struct policy policy;     /* the live one; owned */
	const char *ifname;       /* the one that is looked at; NULL: all. Set by checkup_run */
	bool may_probe;           /* a probe packet may be sent where something looks wrong */
	bool must_probe;          /* … and everywhere else: --probe */
	bool locked;              /* the state's lock is the caller's */
	struct command_lock lock; /* or taken for a probe */
	unsigned int probes_sent, probes_arrived;
	struct problems problems; /* owned */
};

/* Reads interfaces and policy. 0 or -errno; call checkup_close either way. */
int checkup_open(struct checkup *c, struct session *session);
/* All checks, of one interface (and what belongs to none) or, with NULL, of all. */
void checkup_run(struct checkup *c, const char *ifname);
/* Is this one of those that are looked at? */
bool checkup_means(const struct checkup *c, const struct checked_iface *iface);
/* So is this, and may new flows that enter by it meet the rule? One that drains takes none. */
bool checkup_takes(const struct checkup *c, const struct checked_iface *iface, int rule);
/* May a probe be sent? Then the lock is held from here on. */
bool checkup_may_probe(struct checkup *c);
void checkup_close(struct checkup *c);
#define __cleanup_checkup __attribute__((cleanup(checkup_close)))

struct check {
	const char *question; /* "Do packets meet our program first?" */
	/* Once for each attached interface that is there; or once, when there is no such function. */
	void (*of_iface)(struct checkup *c, const struct checked_iface *iface);
	void (*of_all)(struct checkup *c);
};

#endif
