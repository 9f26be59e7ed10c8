/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/flows/match.h"

#include <string.h>
#include <sys/socket.h>

static bool is_in(const struct prefix *wanted, const struct flows_address *a)
{
	struct prefix host = { .family = a->family, .len = a->family == AF_INET ? 32 : 128 };

	if (!wanted->family)
		return true;
	memcpy(host.addr, a->addr, sizeof(host.addr));
	return a->family && prefix_covers(wanted, &host);
}

static bool goes_to(const struct flows_filter *filter, const struct flows_address *a)
{
	if (!is_in(&filter->destination, a))
		return false;
	return !filter->destination_port || filter->destination_port == a->port;
}

bool flows_match(const struct flows_filter *filter, const struct flows_record *record)
{
	if (filter->id && filter->id != record->id)
		return false;
	if (filter->proto && filter->proto != record->proto)
		return false;
	if (!is_in(&filter->client, &record->client))
		return false;
	return goes_to(filter, &record->dst) ||
	       (record->server.family && goes_to(filter, &record->server));
}

bool flows_filter_is_empty(const struct flows_filter *filter)
{
	return !filter->id && !filter->proto && !filter->client.family &&
	       !filter->destination.family && !filter->destination_port;
}
