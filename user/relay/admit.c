/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/admit.h"

static const char *refusal(const struct worker *w, const struct flow_record *record)
{
	enum dest_verdict verdict = worker_check_dest(w, record->proto, &record->dst);

	if (verdict != DEST_OK)
		return dest_reasons[verdict];
	/* Datagrams must not go past a proxy that all flows are to take. */
	if (record->proto == IPPROTO_UDP && w->relay->options->proxy.kind != PROXY_NONE &&
	    !proxy_takes_udp(&w->relay->options->proxy))
		return "no-udp-upstream";
	return access_check(&w->settings->access, &record->client, &record->dst);
}

bool admit_destination(struct worker *w, struct flow_record *record)
{
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
