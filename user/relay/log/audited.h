/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records of audited flows: what the data path counted, as a flow of the log. Must not know how it
 * gets here.
 */
#ifndef TPROXY_RELAY_LOG_AUDITED_H
#define TPROXY_RELAY_LOG_AUDITED_H

#include <stdbool.h>

#include "relay/log/flowrecord.h"
#include "tproxy.h"

void audited_to_record(const struct tproxy_flow_key *flow, const struct tproxy_audited *value,
		       struct flow_record *ret_record);

/* Writes the record of the begin or the end. One that ends without an end was open until then. */
void audited_record(const struct tproxy_flow_key *flow, const struct tproxy_audited *value,
		    bool ended);

#endif
