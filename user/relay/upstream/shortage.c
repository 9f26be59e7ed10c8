/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/shortage.h"

#include "relay/log/record.h"
#include "relay/log/tally.h"

#define NOTES 256
#define NOTE_MS 200
#define WARN_EVERY_MS 60000

struct note {
	uint32_t fingerprint;
	uint64_t until; /* ms */
};

static _Thread_local struct note notes[NOTES];

static uint32_t fingerprint_of(const union saddr *from, const union saddr *dst)
{
	return saddr_hash(dst, from->sa.sa_family ? saddr_hash(from, 0) : 0);
}

void shortage_note(const union saddr *from, const union saddr *dst, uint64_t now)
{
	uint32_t fingerprint = fingerprint_of(from, dst);

	notes[fingerprint % NOTES] = (struct note){ fingerprint, now + NOTE_MS };
}

bool shortage_has(const union saddr *from, const union saddr *dst, uint64_t now)
{
	uint32_t fingerprint = fingerprint_of(from, dst);
	const struct note *note = &notes[fingerprint % NOTES];

	return note->fingerprint == fingerprint && now < note->until;
}

void shortage_warn(const union saddr *dst, uint64_t now)
{
	static struct record_limit limit = { .what = "flows without a port",
					     .max = 1,
					     .window_ms = WARN_EVERY_MS };
	char text[SADDR_TEXT_LEN];

	tally_add(TALLY_NO_PORT, 1);
	if (!record_limit_take(&limit, now))
		return;
	record_say(RECORD_WARN,
		   "no free port towards %s: all are in use there (give several addresses with "
		   "source = ADDR..., widen net.ipv4.ip_local_port_range, or set "
		   "net.ipv4.tcp_tw_reuse = 1)",
		   saddr_format(dst, text));
}
