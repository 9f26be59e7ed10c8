/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/audited.h"

#include <errno.h>

#include "relay/log/record.h"
#include "tproxy_audit.h"

/* The table may be edited by hand: an unknown end is one. */
static enum flow_end end_of(const struct tproxy_flow_key *flow, const struct tproxy_audited *value)
{
	static const enum flow_end ends[TPROXY_AUDIT_END_MAX] = {
		[TPROXY_AUDIT_NONE] = END_DRAIN, /* nobody counts it any more */
		[TPROXY_AUDIT_CLIENT_FIN] = END_CLIENT_FIN,
		[TPROXY_AUDIT_SERVER_FIN] = END_SERVER_FIN,
		[TPROXY_AUDIT_CLIENT_RST] = END_CLIENT_RST,
		[TPROXY_AUDIT_SERVER_RST] = END_SERVER_RST,
		[TPROXY_AUDIT_REUSED] = END_REUSED,
		[TPROXY_AUDIT_IDLE] = END_IDLE,
	};
	bool answered = flow->proto != IPPROTO_TCP || (value->flags & TPROXY_AUDITED_SEEN << 1);

	if (!answered && value->end == TPROXY_AUDIT_SERVER_RST)
		return END_CONNECT_FAILED;
	if (!answered && value->end == TPROXY_AUDIT_IDLE)
		return END_CONNECT_TIMEOUT;
	return value->end < TPROXY_AUDIT_END_MAX ? ends[value->end] : END_ERROR;
}

void audited_to_record(const struct tproxy_flow_key *flow, const struct tproxy_audited *value,
		       struct flow_record *ret_record)
{
	uint64_t took = value->last_ns > value->begin_ns ? value->last_ns - value->begin_ns : 0;

	*ret_record = (struct flow_record){
		.id = value->begin_ns,
		.proto = flow->proto,
		.client = saddr_from(AF_INET6, flow->src, ntohs(flow->sport)),
		.dst = saddr_from(AF_INET6, flow->dst, ntohs(flow->dport)),
		.bytes_up = value->bytes[0],
		.bytes_down = value->bytes[1],
		.packets_up = value->packets[0],
		.packets_down = value->packets[1],
		.duration_ms = took / 1000000,
		.end = end_of(flow, value),
		.forwarded = true,
		.relayed = tproxy_audit_is_answered(flow, value),
	};
	if (flow->proto == IPPROTO_UDP) {
		ret_record->datagrams_up = value->packets[0];
		ret_record->datagrams_down = value->packets[1];
	}
	if (ret_record->end == END_CONNECT_FAILED)
		ret_record->err = ECONNREFUSED;
}

void audited_record(const struct tproxy_flow_key *flow, const struct tproxy_audited *value,
		    bool ended)
{
	struct flow_record record;

	audited_to_record(flow, value, &record);
	if (ended)
		record_flow_end(&record);
	else
		record_flow_start(&record);
}
