/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/pathlog.h"

#include "relay/log/record.h"

bool pathlog_moved(struct pathlog *l)
{
	return !atomic_fetch_add(&l->moved, 1);
}

bool pathlog_lost(struct pathlog *l)
{
	return !atomic_fetch_add(&l->lost, 1);
}

void pathlog_report(struct pathlog *l)
{
	unsigned int moved = atomic_exchange(&l->moved, 0);
	unsigned int lost = atomic_exchange(&l->lost, 0);

	if (moved)
		record_say(RECORD_INFO,
			   "path: %u UDP flows continue from another source address (the "
			   "old one is gone, or their route leaves by another device)",
			   moved);
	if (lost)
		record_say(RECORD_INFO,
			   "path: %u TCP connections were reset (their source address is no "
			   "longer one of this host)",
			   lost);
}
