/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/candidates.h"

bool candidates_next(const struct upstream_want *want, unsigned int *n, struct attempt *ret_attempt)
{
	const struct source *source = &want->outlet->source;
	struct source_offer offer;

	*ret_attempt = (struct attempt){ 0 };
	if (source_is_client(source) && want->client) {
		ret_attempt->from = *want->client;
		ret_attempt->foreign = ret_attempt->of_client = true;
		saddr_set_port(&ret_attempt->from, 0);
		return !(*n)++;
	}
	if (source->mode == SOURCE_LIST && source_offer_next(source, want->dst, n, &offer)) {
		ret_attempt->from = offer.addr;
		ret_attempt->foreign = offer.routed;
		return true;
	}
	/* As the kernel chooses; also if the list has no address of this family. */
	return !(*n)++;
}
