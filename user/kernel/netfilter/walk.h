/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends a class of packets through the chains of hooks, in the order of the kernel, and says what
 * becomes of it. Follows jumps, and what rules do to the marks. Pure and bounded.
 */
#ifndef TPROXY_KERNEL_NETFILTER_WALK_H
#define TPROXY_KERNEL_NETFILTER_WALK_H

#include "kernel/netfilter/match.h"

/* A rule that some of the packets meet. */
struct fw_visit {
	const struct fw_rule *rule;
	enum fw_match match;            /* of the packets that come so far; never FW_NEVER */
	const struct fw_packet *before; /* as the rule met them */
	const struct fw_packet *after;  /* as it left them */
};

struct fw_walk {
	const struct firewall *fw;
	struct fw_packet packet;                                /* changes on the way */
	void (*visit)(const struct fw_visit *visit, void *arg); /* may be NULL */
	void *arg;
	/* The result so far. */
	enum fw_match dropped;
	const struct fw_rule *rule;   /* the first that drops most, or NULL: */
	const struct fw_chain *chain; /* the chain whose policy, or whose rule, drops them */
	bool unsure;                  /* something could not be read or followed */
	unsigned int steps;
};

void fw_walk_init(struct fw_walk *walk, const struct firewall *fw, const struct fw_packet *packet);
/* Through all chains of a hook. May be called for one hook after the other. */
void fw_walk_hook(struct fw_walk *walk, enum fw_hook hook);

#endif
