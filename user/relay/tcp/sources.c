/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tcp/sources.h"

#include <errno.h>
#include <stdlib.h>

#include "relay/log/pathlog.h"

#define SOURCE_BUCKETS 256
#define LOOK_EVERY_MS 500 /* while an address is missing */

/* Of one turn. */
#define LOOKS_MAX 1024
#define RESETS_MAX 128

/* It outlives its connections until the next look. */
struct source {
	LIST_ENTRY(source) link;
	union saddr addr; /* port 0 */
	struct conn_of_source conns;
	bool seen; /* among the addresses of this host: it may also be any other local address */
	uint64_t since; /* ms: missing; 0: it is there */
};

LIST_HEAD(source_list, source);

struct sources {
	struct engine_context *ctx;
	struct task look;
	struct timer again;
	struct timer report;
	unsigned int bucket; /* that the look has reached */
	bool missing;        /* it has found a missing address */
	struct source_list buckets[SOURCE_BUCKETS];
};

static struct source_list *bucket_of(struct sources *s, const union saddr *addr)
{
	return &s->buckets[saddr_hash(addr, 0) % SOURCE_BUCKETS];
}

static struct source *source_get(struct sources *s, const union saddr *addr)
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
	source->seen = local_lookup(s->ctx->local, addr) == LOCAL_ADDRESS;
	LIST_INSERT_HEAD(bucket, source, link);
	return source;
}

void sources_join(struct sources *s, struct conn *c)
{
	union saddr addr = c->source;
	struct source *source;

	saddr_set_port(&addr, 0);
	source = addr.sa.sa_family ? source_get(s, &addr) : NULL;
	if (source)
		LIST_INSERT_HEAD(&source->conns, c, of_source);
}

/* False: there are more than a turn may end. */
static bool reset_all(struct sources *s, struct source *source, unsigned int *left)
{
	struct worker *w = &s->ctx->worker;
	struct conn *c;

	while ((c = LIST_FIRST(&source->conns))) {
		if (!*left)
			return false;
		--*left;
		if (pathlog_lost(s->ctx->relay->paths))
			timer_set(&w->wheel, &s->report, w->now + PATHLOG_AFTER_MS);
		conn_finish(c, END_PATH_LOST, 0, RESET_BOTH);
	}
	return true;
}

/* False: continue here in the next turn. */
static bool look_at(struct sources *s, struct source *source, unsigned int *resets)
{
	uint64_t now = s->ctx->worker.now;

	if (local_lookup(s->ctx->local, &source->addr) == LOCAL_ADDRESS) {
		source->seen = true;
		source->since = 0;
		return true;
	}
	if (!source->seen)
		return true;
	if (!source->since)
		source->since = now;
	if (now - source->since >= SOURCES_PATIENCE_MS)
		return reset_all(s, source, resets);
	s->missing = true;
	return true;
}

static bool look_at_bucket(struct sources *s, unsigned int *looks, unsigned int *resets)
{
	struct source *source = LIST_FIRST(&s->buckets[s->bucket]);

	while (source) {
		struct source *next = LIST_NEXT(source, link);

		++*looks;
		if (!look_at(s, source, resets))
			return false;
		if (LIST_EMPTY(&source->conns)) {
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
	struct worker *w = &s->ctx->worker;
	unsigned int looks = 0, resets = RESETS_MAX;

	while (s->bucket < SOURCE_BUCKETS) {
		if (looks >= LOOKS_MAX || !look_at_bucket(s, &looks, &resets)) {
			worker_queue(w, &s->look);
			return;
		}
		s->bucket++;
	}
	if (s->missing)
		timer_set(&w->wheel, &s->again, w->now + LOOK_EVERY_MS);
}

static void look_again(struct timer *timer)
{
	sources_changed(container_of(timer, struct sources, again));
}

static void report_due(struct timer *timer)
{
	pathlog_report(container_of(timer, struct sources, report)->ctx->relay->paths);
}

/* A look that is under way begins again: it may have passed what is missing now. */
void sources_changed(struct sources *s)
{
	s->bucket = 0;
	s->missing = false;
	worker_queue(&s->ctx->worker, &s->look);
}

struct sources *sources_new(struct engine_context *ctx)
{
	struct sources *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ctx = ctx;
	s->look.run = look_run;
	s->again.fire = look_again;
	s->report.fire = report_due;
	return s;
}

void sources_free(struct sources *s)
{
	struct source *source;

	if (!s)
		return;
	if (s->report.armed)
		pathlog_report(s->ctx->relay->paths);
	timer_cancel(&s->ctx->worker.wheel, &s->report);
	timer_cancel(&s->ctx->worker.wheel, &s->again);
	worker_unqueue(&s->ctx->worker, &s->look);
	for (unsigned int i = 0; i < SOURCE_BUCKETS; i++) {
		while ((source = LIST_FIRST(&s->buckets[i]))) {
			LIST_REMOVE(source, link);
			free(source);
		}
	}
	free(s);
}
