/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports what a command did to those who monitor the state: runs the pinned program tproxy_report,
 * which writes to their ring buffers. Best effort: the command never fails for it.
 */
#ifndef TPROXY_KERNEL_EVENTS_REPORT_H
#define TPROXY_KERNEL_EVENTS_REPORT_H

#include "kernel/state/state.h"

/* text: the name of the interface, or what was repaired. */
void event_report_iface(const struct state *state, enum tproxy_event_type type, __u32 ifindex,
			const char *text);
/* About the policy that is live now; text: the command. */
void event_report_policy(const struct state *state, enum tproxy_event_type type, const char *text);
/* text: the program that was adopted or released, and its port. */
void event_report_adopted(const struct state *state, enum tproxy_event_type type, const char *text);

#endif
