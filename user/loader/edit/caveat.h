/* SPDX-License-Identifier: BSD-2-Clause */
/* Says what a device or a rule does not cover, where one might think it does. Changes nothing. */
#ifndef TPROXY_LOADER_EDIT_CAVEAT_H
#define TPROXY_LOADER_EDIT_CAVEAT_H

#include "lib/device.h"
#include "policy/policy.h"
#include "loader/app/session.h"

void caveat_warn(struct session *session, const struct device *device);

/* Destinations that were just given to a rule and can never match. */
void caveat_destinations(const struct rule *rule, const struct prefix_set *given);

#endif
