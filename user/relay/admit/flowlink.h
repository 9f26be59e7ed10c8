/* SPDX-License-Identifier: BSD-2-Clause */
/* What each flow has for the lists of its client. Data only; lanes.h uses it. */
#ifndef TPROXY_RELAY_ADMIT_FLOWLINK_H
#define TPROXY_RELAY_ADMIT_FLOWLINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct lane;

/* Flows of one kind compete for the same places. */
enum lane_kind { LANE_TCP, LANE_UDP_UNANSWERED, LANE_UDP_ANSWERED, LANE_KINDS };

/* Part of every flow. All zero: in no lane. */
struct flow_link {
	TAILQ_ENTRY(flow_link) link;
	struct lane *lane;
	uint64_t listed; /* ms; when it became the last of its lane */
	enum lane_kind kind;
	bool lent; /* see lane_lend */
};

#endif
