/* SPDX-License-Identifier: BSD-2-Clause */
/* Warns of flows that a device or a rule does not cover although one might expect it. */
#ifndef TPROXY_LOADER_EDIT_CAVEAT_H
#define TPROXY_LOADER_EDIT_CAVEAT_H

#include "lib/device.h"
#include "loader/app/app.h"
#include "loader/app/session.h"
#include "policy/policy.h"

void caveat_warn(struct session *session, const struct device *device);

/* Destinations that a command gave to a rule and that can never match. */
void caveat_destinations(const struct rule *rule, const struct prefix_set *given);

#endif
