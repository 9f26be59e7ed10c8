/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/admit/admit.h"

/* A server that a pool's address stands for must not be one itself: it could be the same. */
static const char *pool_refusal(const struct worker *w, const struct flow_record *record)
{
	if (poolmap_find(&w->settings->pools, &record->server))
		return "pool-loop";
	/* Whose the answers of all the servers are, only the destination tells. */
	if (record->proto == IPPROTO_UDP && w->relay->options->udp_full_cone)
		return "pool-full-cone";
	return NULL;
}

static const char *refusal(const struct worker *w, const struct flow_record *record)
{
	const union saddr *to = flow_goes_to(record);
	bool pooled = to != &record->dst;
	enum dest_verdict verdict = worker_check_dest(w, record->proto, to, pooled);
	const char *reason = pooled ? pool_refusal(w, record) : NULL;

	if (reason)
		return reason;
	if (verdict != DEST_OK)
		return dest_reasons[verdict];
	/* Datagrams must not go past a proxy that all flows are to take. */
	if (record->proto == IPPROTO_UDP && w->relay->options->proxy.kind != PROXY_NONE &&
	    !proxy_takes_udp(&w->relay->options->proxy))
		return "no-udp-upstream";
	return access_check(&w->settings->access, &record->client, to);
}

bool admit_destination(struct worker *w, struct flow_record *record)
{
	const union saddr *server = poolmap_find(&w->settings->pools, &record->dst);

	if (server)
		record->server = *server;
	record->reason = refusal(w, record);
	if (!record->reason)
		return true;
	record->end = END_REFUSED;
	w->stats.refused++;
	return false;
}

bool admit_flow(struct worker *w, struct flow_record *record, struct limits_ticket *ret_ticket)
{
	if (!admit_destination(w, record))
		return false;
	record->reason = limits_take(w->relay->limits, &w->settings->limits, &record->client,
				     w->now, ret_ticket);
	if (record->reason) {
		record->end = END_LIMIT;
		w->stats.limited++;
		return false;
	}
	return true;
}

void admit_release(struct worker *w, struct limits_ticket *ticket)
{
	limits_release(w->relay->limits, ticket);
}
