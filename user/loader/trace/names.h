/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for the numbers in events: interfaces, rules, listeners, reasons and places of drops. Asks
 * the kernel and remembers the answers, because there may be many events in a second. All names are
 * printable. Must not know how they are printed.
 */
#ifndef TPROXY_LOADER_TRACE_NAMES_H
#define TPROXY_LOADER_TRACE_NAMES_H

#include <net/if.h>

#include "kernel/state/state.h"

#define NAMES_INTERFACES 64
#define NAMES_SITES 64
#define NAMES_LISTENERS 64
#define NAMES_SITE_LEN 64

struct listener_name {
	__u64 cookie; /* 0: unused */
	__u16 port;
	bool known; /* the kernel lists it */
	bool transparent;
};

struct names {
	struct state *state; /* not owned */
	__u32 generation;    /* of the rules below */
	bool stale;          /* read the rules again before the next name */
	char rules[TPROXY_MAX_RULES][TPROXY_NAME_LEN];
	struct {
		__u32 ifindex;
		char name[IF_NAMESIZE];
	} interfaces[NAMES_INTERFACES];
	struct {
		__u64 address;
		char name[NAMES_SITE_LEN];
	} functions[NAMES_SITES];
	struct {
		bool known;
		char name[NAMES_SITE_LEN];
	} reasons[NAMES_SITES * 4]; /* by number */
	struct listener_name listeners[NAMES_LISTENERS];
	size_t n_functions, n_listeners;
};

/* Forgets what may have changed: interfaces, rules, listeners that were not found. */
void names_refresh(struct names *names);

/* Each returns an empty text for what has no name any more. Valid until the next call. */
const char *names_interface(struct names *names, __u32 ifindex);
const char *names_rule(struct names *names, __u32 generation, __u32 rule);
const char *names_reason(struct names *names, __u32 reason);
const char *names_function(struct names *names, __u64 address);
/* Never NULL. */
const struct listener_name *names_listener(struct names *names, __u64 cookie);

#endif
