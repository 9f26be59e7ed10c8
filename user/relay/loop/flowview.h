/* SPDX-License-Identifier: BSD-2-Clause */
/* A flow that is open, as its engine describes it. Data only. */
#ifndef TPROXY_RELAY_LOOP_FLOWVIEW_H
#define TPROXY_RELAY_LOOP_FLOWVIEW_H

#include "lib/flows/proto.h"
#include "relay/log/flowrecord.h"

struct flow_view {
	struct flow_record record; /* without an end; duration_ms: its age */
	uint64_t idle_ms;
	enum flows_state state;
};

#endif
