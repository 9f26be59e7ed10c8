/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/admit/admit.h"

#include "relay/admit/dest.h"
#include "relay/config/options.h"
#include "relay/config/settings.h"
#include "relay/upstream/health.h"

/* named: the configuration names the destination, so that only our own listeners are refused. */
static enum dest_verdict check_dest(const struct engine_context *ctx, uint8_t proto,
				    const union saddr *dst, bool named)
{
	const struct relay *relay = ctx->relay;
	unsigned int allowed = 0;

	if (named || relay->options->allow_local)
		allowed |= DEST_ALLOW_LOCAL;
	if (dst->sa.sa_family == AF_INET && atomic_load(&relay->pinned.link_local))
		allowed |= DEST_ALLOW_LINK_LOCAL;
	return dest_check(dst, local_lookup(ctx->local, dst),
			  proto == IPPROTO_TCP ? relay->tcp_ports : relay->udp_ports, allowed);
}

/* The server of a pool's address must not be such an address too: it could be the same one. */
static const char *pool_refusal(const struct engine_context *ctx, const struct flow_record *record)
{
	if (poolmap_find(&ctx->settings->pools, &record->server))
		return "pool-loop";
	/* There only the destination shows which server an answer comes from. */
	if (record->proto == IPPROTO_UDP && ctx->relay->options->udp_full_cone)
		return "pool-full-cone";
	return NULL;
}

static const char *refusal(const struct engine_context *ctx, const struct flow_record *record)
{
	const union saddr *to = flow_goes_to(record);
	bool pooled = to != &record->dst;
	enum dest_verdict verdict = check_dest(ctx, record->proto, to, pooled);
	const char *reason = pooled ? pool_refusal(ctx, record) : NULL;

	/* They were in IPv6 headers (see saddr_from), and must not reach what they map. */
	if (saddr_is_mapped(&record->client) || saddr_is_mapped(&record->dst))
		return "ipv4-mapped";
	if (reason)
		return reason;
	if (verdict != DEST_OK)
		return dest_reasons[verdict];
	reason = access_check(&ctx->settings->access, &record->client, to);
	if (!reason)
		health_choose(egress_find(&ctx->settings->egress, &record->client, to),
			      record->proto, ctx->worker.now, &reason);
	return reason;
}

bool admit_destination(struct engine_context *ctx, struct flow_record *record)
{
	const union saddr *server = poolmap_find(&ctx->settings->pools, &record->dst);

	if (server)
		record->server = *server;
	record->reason = refusal(ctx, record);
	if (!record->reason)
		return true;
	record->end = END_REFUSED;
	ctx->stats.refused++;
	return false;
}

static bool is_over_default(const struct limit_values *limits, const struct lane *lane)
{
	return limits->max_flows_per_source == LIMIT_BY_DESCRIPTORS &&
	       lane_is_over_default_tcp(lane);
}

bool admit_flow(struct engine_context *ctx, struct flow_record *record, struct lane **ret_lane)
{
	const struct limit_values *limits = &ctx->settings->limits;

	if (!admit_destination(ctx, record))
		return false;
	record->reason =
		lanes_admit(ctx->lanes, limits, &record->client, ctx->worker.now, ret_lane);
	/* For UDP, the engine replaces older flows of the client then. */
	if (!record->reason && record->proto == IPPROTO_TCP && is_over_default(limits, *ret_lane)) {
		lane_release(*ret_lane);
		record->reason = "max-flows-per-source";
	}
	if (record->reason) {
		record->end = END_LIMIT;
		ctx->stats.limited++;
		return false;
	}
	return true;
}
