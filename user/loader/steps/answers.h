/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tproxy_egress, which sees the answers to audited flows: it is attached to an interface while an
 * audit rule concerns it, and only then. So without such a rule no packet that leaves meets it. The
 * steps print and report like those of steps.h. Must not know how a flow is counted.
 */
#ifndef TPROXY_LOADER_STEPS_ANSWERS_H
#define TPROXY_LOADER_STEPS_ANSWERS_H

#include "loader/steps/steps.h"

/* What one interface needs, of which the entry and the rules are written already. */
int answers_on_iface(struct session *session, const struct device *device, enum hook hook);
int answers_off(struct session *session, int ifindex, const char *name);

/* Before `policy` goes live: attaches what it needs on every interface; removes nothing. */
int answers_prepare(struct session *session, const struct policy *policy);
/* Attaches and detaches what the live policy needs. */
int answers_settle(struct session *session);

/* By which hook it is there. */
enum hook answers_present(struct session *session, int ifindex);
/* Does the live policy need it there? */
bool answers_wanted(struct session *session, const struct tproxy_iface *entry);

#endif
