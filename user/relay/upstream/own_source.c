/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/own_source.h"

bool source_is_own(const struct source *wanted, const struct local_set *local,
		   const union saddr *source)
{
	switch (wanted->mode) {
	case SOURCE_OWN:
		return true;
	case SOURCE_LIST:
		return local_lookup(local, source) == LOCAL_ADDRESS;
	default:
		return false;
	}
}
