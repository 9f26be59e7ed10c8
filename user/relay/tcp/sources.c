/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tcp/sources.h"

#include <errno.h>
#include <stdlib.h>

#define SOURCE_BUCKETS 256
#define LOOK_EVERY_MS 500 /* while an address is missing */

/* Of one turn. */
#define LOOKS_MAX 1024
#define LOSSES_MAX 128

/* It outlives its flows until the next look. */
struct source {
	LIST_ENTRY(source) link;
	union saddr addr; /* port 0 */
	LIST_HEAD(, source_member) members;
	bool seen; /* among the addresses of this host: it may also be any other local address */
	uint64_t since; /* ms: missing; 0: it is there */
};

LIST_HEAD(source_list, source);

struct sources {
	struct worker *w;
	const struct local_set *local;
	void (*lost)(struct source_member *m, void *arg);
	void *arg;
	struct task look;
	struct timer again;
	unsigned int bucket; /* that the look has reached */
	bool missing;        /* it has found a missing address */
	struct source_list buckets[SOURCE_BUCKETS];
};

static struct source_list *bucket_of(struct sources *s, const union saddr *addr)
{
	return &s->buckets[saddr_hash(addr, 0) % SOURCE_BUCKETS];
}

static struct source *source_get(struct sources *s, const struct local_set *local,
				 const union saddr *addr)
{
	struct source_list *bucket = bucket_of(s, addr);
	struct source *source;

	LIST_FOREACH(source, bucket, link)
		if (saddr_equal(&source->addr, addr))
			return source;
	source = calloc(1, sizeof(*source));
	if (!source)
		return NULL;
	source->addr = *addr;
	source->seen = local_lookup(local, addr) == LOCAL_ADDRESS;
	LIST_INSERT_HEAD(bucket, source, link);
	return source;
}

void sources_join(struct sources *s, const struct local_set *local, const union saddr *source,
		  struct source_member *m)
{
	union saddr addr = *source;
	struct source *of;

	saddr_set_port(&addr, 0);
	of = addr.sa.sa_family ? source_get(s, local, &addr) : NULL;
	if (of)
		LIST_INSERT_HEAD(&of->members, m, link);
}

/* False: there are more than a turn may end. */
static bool lose_all(struct sources *s, struct source *source, unsigned int *left)
{
	struct source_member *m;

	while ((m = LIST_FIRST(&source->members))) {
		if (!*left)
			return false;
		--*left;
		s->lost(m, s->arg);
	}
	return true;
}

/* False: continue here in the next turn. */
static bool look_at(struct sources *s, struct source *source, unsigned int *losses)
{
	uint64_t now = s->w->now;

	if (local_lookup(s->local, &source->addr) == LOCAL_ADDRESS) {
		source->seen = true;
		source->since = 0;
		return true;
	}
	if (!source->seen)
		return true;
	if (!source->since)
		source->since = now;
	if (now - source->since >= SOURCES_PATIENCE_MS)
		return lose_all(s, source, losses);
	s->missing = true;
	return true;
}

static bool look_at_bucket(struct sources *s, unsigned int *looks, unsigned int *losses)
{
	struct source *source = LIST_FIRST(&s->buckets[s->bucket]);

	while (source) {
		struct source *next = LIST_NEXT(source, link);

		++*looks;
		if (!look_at(s, source, losses))
			return false;
		if (LIST_EMPTY(&source->members)) {
			LIST_REMOVE(source, link);
			free(source);
		}
		source = next;
	}
	return true;
}

static void look_run(struct task *task)
{
	struct sources *s = container_of(task, struct sources, look);
	unsigned int looks = 0, losses = LOSSES_MAX;

	while (s->bucket < SOURCE_BUCKETS) {
		if (looks >= LOOKS_MAX || !look_at_bucket(s, &looks, &losses)) {
			worker_queue(s->w, &s->look);
			return;
		}
		s->bucket++;
	}
	if (s->missing)
		timer_set(&s->w->wheel, &s->again, s->w->now + LOOK_EVERY_MS);
}

static void look_from_start(struct sources *s)
{
	s->bucket = 0;
	s->missing = false;
	worker_queue(s->w, &s->look);
}

static void look_again(struct timer *timer)
{
	look_from_start(container_of(timer, struct sources, again));
}

/* A look that is under way begins again: it may have passed what is missing now. */
void sources_changed(struct sources *s, const struct local_set *local)
{
	s->local = local;
	look_from_start(s);
}

struct sources *sources_new(struct worker *w, void (*lost)(struct source_member *m, void *arg),
			    void *arg)
{
	struct sources *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->w = w;
	s->lost = lost;
	s->arg = arg;
	s->look.run = look_run;
	s->again.fire = look_again;
	return s;
}

void sources_free(struct sources *s)
{
	struct source *source;

	if (!s)
		return;
	timer_cancel(&s->w->wheel, &s->again);
	worker_unqueue(s->w, &s->look);
	for (unsigned int i = 0; i < SOURCE_BUCKETS; i++) {
		while ((source = LIST_FIRST(&s->buckets[i]))) {
			LIST_REMOVE(source, link);
			free(source);
		}
	}
	free(s);
}
