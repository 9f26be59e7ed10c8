/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the packet filters of this host (kernel/netfilter) are asked about: for each interface, each
 * proxy rule and each class of its flows, the first packets that we intercept. Reads only.
 */
#ifndef TPROXY_LOADER_CHECK_TOOLS_FILTERS_H
#define TPROXY_LOADER_CHECK_TOOLS_FILTERS_H

#include "kernel/netfilter/text.h"
#include "kernel/netfilter/walk.h"
#include "kernel/probe/probe.h"
#include "kernel/routing/return_route.h"
#include "loader/check/tools/checkup.h"

#define FILTERS_MAX_RANGES 64 /* of ports or addresses; with more, any are meant */

/* The flows of one rule and class that enter by one interface. */
struct filtered {
	struct checkup *c;
	const struct checked_iface *iface;
	const struct rule *rule;
	enum tproxy_class cls;
	const struct firewall *fw;
	struct fw_packet packet; /* the first one, with our mark, before it is routed */
	struct fw_range to[FILTERS_MAX_RANGES], from[FILTERS_MAX_RANGES];
	struct fw_range ports[FILTERS_MAX_RANGES];
};

/* The model, read once for each run; NULL after it is noted that it cannot be read as a whole. */
const struct firewall *filters_read(struct checkup *c);
/* Calls fn for all of them. */
void filters_each(struct checkup *c, const struct checked_iface *iface,
		  void (*fn)(const struct filtered *flows, void *arg), void *arg);

/* The same for the rules of own traffic. iface: lo. */
void filters_each_own(struct checkup *c, const struct checked_iface *iface,
		      void (*fn)(const struct filtered *flows, void *arg), void *arg);

/* Through all hooks until they are delivered here. */
void filters_arrive(struct fw_walk *walk, const struct filtered *flows);
/* The first answer of the proxy, through all hooks until it leaves. */
void filters_answer(struct fw_walk *walk, const struct filtered *flows);
/*
 * What may drop the packet of a probe on its way to the listener; without a source (family 0), a
 * packet of any client. False: nothing that is known.
 */
bool filters_suspect(struct checkup *c, const struct checked_iface *iface,
		     const struct probe_flow *flow, struct fw_walk *ret_walk);
#define FILTERS_DROP_LEN (FW_TEXT_LEN + 16)
/* The rule that drops, or "the policy of CHAIN". Returns buf. */
char *filters_drop_text(const struct fw_walk *walk, char *buf);

/* The addresses of a network, from the first to the last. */
void filters_range(const struct prefix *prefix, struct fw_range *ret_range);
/* The route of these flows if they are forwarded. False: there is none. */
bool filters_way(const struct filtered *flows, struct return_route *ret_route);
/* By which interface the flows leave if they are forwarded; empty: unknown. IF_NAMESIZE bytes. */
void filters_way_out(const struct filtered *flows, char *ret_name);

/*
 * A problem that was just added is of these flows. If the same is there already, that one gets
 * their class, and the new one goes: NULL.
 */
struct problem *filters_problem(const struct filtered *flows, struct problem *added);

/* Commands for our own chain, whose names nobody else uses. */
#define FILTERS_COMMAND_LEN 320
/* nft: `iifname "eth0"` for option "iif", within single quotes of a shell. Returns buf. */
#define FILTERS_IIF_LEN (IF_NAMESIZE + 24)
char *filters_iif(const char *option, const char *ifname, char *buf);
/* nft: all packets of transparent sockets get our mark again, just before they are routed. */
char *filters_rescue(const struct checkup *c, const char *ifname, char *buf);
/* Accepts packets with our mark in the chain. False if no command can name it. */
bool filters_accept(const struct checkup *c, const struct fw_chain *chain, char *buf);
/* Accepts packets of established connections that leave by the interface. */
bool filters_accept_answers(const char *ifname, const struct fw_chain *chain, char *buf);

#endif
