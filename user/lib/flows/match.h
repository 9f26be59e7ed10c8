/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a flow is one of those that a request names. Pure. */
#ifndef TPROXY_LIB_FLOWS_MATCH_H
#define TPROXY_LIB_FLOWS_MATCH_H

#include "lib/flows/proto.h"

bool flows_match(const struct flows_filter *filter, const struct flows_record *record);

/* Without any limit it matches every flow. */
bool flows_filter_is_empty(const struct flows_filter *filter);

#endif
