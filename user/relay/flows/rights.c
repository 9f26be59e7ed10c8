/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/flows/rights.h"

#include "lib/flows/match.h"
#include "lib/util.h"
#include "relay/log/record.h"

bool rights_may_kill(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

static void report_refusal(uid_t uid)
{
	static struct record_limit limit = { .what = "refused requests to end flows",
					     .max = 1,
					     .window_ms = 60000 };

	if (record_limit_take(&limit, monotonic_ms()))
		record_say(RECORD_WARN,
			   "flows: user %u may not end flows (only root may, and the user that the "
			   "relay runs as)",
			   (unsigned int)uid);
}

int rights_check(uid_t uid, const struct flows_request *request)
{
	const struct flows_head *head = &request->head;

	if (head->version != FLOWS_VERSION)
		return EPROTO;
	if (head->kind == FLOWS_LIST || head->kind == FLOWS_ASK_STATUS)
		return 0;
	if (head->kind != FLOWS_KILL)
		return EPROTO;
	if (!rights_may_kill(uid)) {
		report_refusal(uid);
		return EPERM;
	}
	/* Nobody asks to end all flows: SIGTERM does that. */
	return flows_filter_is_empty(&request->filter) ? EINVAL : 0;
}
