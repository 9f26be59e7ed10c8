/* SPDX-License-Identifier: BSD-2-Clause */
/* What became of the flow starts of a rule in the last minute, as the data path counts it. */
#ifndef TPROXY_KERNEL_MAPS_HEALTH_H
#define TPROXY_KERNEL_MAPS_HEALTH_H

#include "kernel/state/state.h"
#include "tproxy.h"

struct health {
	__u64 started;       /* SYNs or datagrams given to a listener, in the last 34 to 69 s */
	__u64 delivered;     /* TCP: of these, completed handshakes; at most `started` */
	__u64 unanswered;    /* TCP: starts after the latest delivered one, at least; UDP: all */
	__u64 unanswered_ns; /* CLOCK_MONOTONIC of the first of these; 0: none */
	__u64 last_ns;       /* of the latest start, at any time; 0: none */
	struct tproxy_flow_key last; /* its flow */
	__u32 ifindex;               /* where that flow came in */
};

/* proto: IPPROTO_TCP or IPPROTO_UDP. 0 or -errno. */
int health_read(const struct state *state, __u32 rule, __u8 proto, struct health *ret_health);

/*
 * Rule i gets the figures of rule was[i], and none if that is negative: rules have new numbers.
 * What the data path counts meanwhile may be lost. 0 or -errno.
 */
int health_move(const struct state *state, const int was[TPROXY_MAX_RULES]);

#endif
