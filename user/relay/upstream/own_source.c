/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/own_source.h"

#include "relay/config/options.h"

bool source_is_own(const struct engine_context *ctx, const union saddr *source)
{
	switch (ctx->relay->options->source.mode) {
	case SOURCE_OWN:
		return true;
	case SOURCE_LIST:
		return local_lookup(ctx->local, source) == LOCAL_ADDRESS;
	default:
		return false;
	}
}
