/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/looplog.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "relay/log/record.h"
#include "relay/log/tally.h"

#define WARN_EVERY_MS 60000

/*
 * A slot: fingerprint, seconds modulo 2^24, TTL, in this order from the high bits. After 2^24
 * seconds (194 days) an entry looks fresh again, which costs a wrong word in the log.
 */
#define SECONDS_MASK 0xffffffu

struct looplog {
	uint32_t seed[2]; /* secret: with it a peer could choose addresses that hide a loop */
	struct record_limit warnings;
	_Atomic uint64_t slots[LOOPLOG_SLOTS];
};

struct place {
	uint32_t slot;
	uint32_t fingerprint;
};

struct looplog *looplog_new(void)
{
	struct looplog *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->warnings = (struct record_limit){ .what = "flows that came back",
					     .max = 1,
					     .window_ms = WARN_EVERY_MS };
	if (getrandom(l->seed, sizeof(l->seed), GRND_NONBLOCK) < 0)
		l->seed[0] = (uint32_t)(uintptr_t)l;
	return l;
}

void looplog_free(struct looplog *l)
{
	free(l);
}

static struct place place_of(const struct looplog *l, const struct looplog_flow *f)
{
	struct place p = {
		.slot = saddr_hash(f->dst, saddr_hash(f->src, l->seed[0])) % LOOPLOG_SLOTS,
		.fingerprint = saddr_hash(f->dst, saddr_hash(f->src, l->seed[1])),
	};

	return p;
}

static uint32_t seconds_of(uint64_t now)
{
	return (uint32_t)(now / 1000) & SECONDS_MASK;
}

void looplog_note(struct looplog *l, const struct looplog_flow *sent, const union saddr *client,
		  uint64_t now)
{
	struct place p = place_of(l, sent);
	/* The default is a sysctl; the largest value is right for all of its values. */
	uint8_t ttl = sent->ttl ? sent->ttl : 255;

	if (saddr_equal(sent->src, client))
		return;
	atomic_store_explicit(&l->slots[p.slot],
			      (uint64_t)p.fingerprint << 32 | seconds_of(now) << 8 | ttl,
			      memory_order_relaxed);
}

bool looplog_seen(struct looplog *l, const struct looplog_flow *arrived, uint64_t now)
{
	struct place p = place_of(l, arrived);
	uint64_t slot = atomic_load_explicit(&l->slots[p.slot], memory_order_relaxed);
	uint32_t age = (seconds_of(now) - (uint32_t)(slot >> 8)) & SECONDS_MASK;

	return (uint8_t)slot && slot >> 32 == p.fingerprint && age < LOOPLOG_AGE_MS / 1000 &&
	       arrived->ttl <= (uint8_t)slot;
}

void looplog_warn(struct looplog *l, const struct looplog_flow *arrived, uint64_t now)
{
	char src[SADDR_TEXT_LEN], dst[SADDR_TEXT_LEN];

	tally_add(TALLY_LOOP, 1);
	if (!record_limit_take(&l->warnings, now))
		return;
	record_say(RECORD_WARN,
		   "loop: our own flow %s -> %s came back as a new one (a route leads packets to "
		   "this destination back to us; their TTL ends it)",
		   saddr_format(arrived->src, src), saddr_format(arrived->dst, dst));
}
