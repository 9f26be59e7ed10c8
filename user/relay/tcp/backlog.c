/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tcp/backlog.h"

#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "relay/net/sockopt.h"

/*
 * A receiver has shown that it takes when it has acknowledged this much in this time. One that
 * never reads acknowledges up to 128 KiB, its kernel's first buffer. At less than this rate the
 * first window is enough for round trips of half a second.
 */
#define PROOF_BYTES (144 * 1024)
#define PROOF_MS 2000
/* And it does not take if it takes less than this while bytes wait for it. */
#define SLOW_RATE (32 * 1024) /* bytes a second */

#define TIGHT_WINDOW (64 * 1024) /* what the kernel announces first */
#define TIGHT_UNSENT (16 * 1024) /* bytes in the receiver's queue that have not left */
#define CAPPED_UNSENT (128 * 1024)
#define WIDE_WINDOW (1 << 30) /* only the kernel's own limits apply */
#define CAP_MIN (256 * 1024)

/*
 * A window of 64 KiB would slow a new flow down after three round trips, before the receiver can
 * have shown anything. So a few get a locked buffer of twice this; SO_RCVBUF doubles.
 */
#define EARLY_BUFFER (208 * 1024) /* net.core.rmem_max, as most hosts have it */

#define WIDE_REVIEW (256 * 1024) /* bytes between two reviews of buffers that may grow */
#define LOOK_MS 1000
#define LOOKS_PER_TURN 512
#define QUIET_LOOKS 60 /* then a grown window is given back */

/* ---- what the kernel holds ---------------------------------------------- */

static uint32_t meminfo(int fd, unsigned int which)
{
	uint32_t mem[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(mem);

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &len) ? 0 : mem[which];
}

static int64_t holds(const struct backlog *b)
{
	return (int64_t)meminfo(b->flow.from, SK_MEMINFO_RMEM_ALLOC) +
	       meminfo(b->flow.to, SK_MEMINFO_WMEM_QUEUED) + pump_held(b->flow.pump);
}

/* What the buffers would hold if the receiver stopped now. */
static int64_t may_hold(const struct backlog *b)
{
	return (int64_t)meminfo(b->flow.from, SK_MEMINFO_RCVBUF) +
	       meminfo(b->flow.to, SK_MEMINFO_SNDBUF);
}

/* Bytes that the receiver has acknowledged. */
static uint64_t taken(const struct backlog *b)
{
	uint64_t bytes = b->flow.pump->bytes;
	int queued = 0;

	if (ioctl(b->flow.to, SIOCOUTQ, &queued) || queued < 0 || (uint64_t)queued > bytes)
		return bytes;
	return bytes - (uint64_t)queued;
}

/*
 * The lock keeps the kernel from growing the buffer, which would lift the clamp
 * (tcp_rcv_space_adjust). A smaller buffer is no substitute: the kernel would drop what the sender
 * may still send into a window that was announced, until that connection breaks.
 */
static void hold_window(const struct backlog *b, uint32_t window)
{
	sockopt_lock_receive_buffer(b->flow.from, true);
	sockopt_int(b->flow.from, SOL_TCP, TCP_WINDOW_CLAMP, (int)window);
}

static void free_window(const struct backlog *b)
{
	sockopt_int(b->flow.from, SOL_TCP, TCP_WINDOW_CLAMP, WIDE_WINDOW);
	sockopt_lock_receive_buffer(b->flow.from, false);
}

/* 0: no limit. */
static void limit_unsent(const struct backlog *b, int bytes)
{
	sockopt_int(b->flow.to, SOL_TCP, TCP_NOTSENT_LOWAT, bytes);
}

/* ---- the watch ---------------------------------------------------------- */

static void watch(struct backlogs *all, struct backlog *b)
{
	if (b->watched)
		return;
	b->watched = true;
	b->quiet = 0;
	b->look_bytes = b->flow.pump->bytes;
	b->look_time = all->w->now;
	TAILQ_INSERT_TAIL(&all->list, b, link);
	if (!all->timer.armed)
		timer_set(&all->w->wheel, &all->timer, all->w->now + LOOK_MS);
}

static void unwatch(struct backlogs *all, struct backlog *b)
{
	if (b->watched)
		TAILQ_REMOVE(&all->list, b, link);
	b->watched = false;
	memory_leave(&b->share);
}

/* ---- states ------------------------------------------------------------- */

static void begin_span(struct backlog *b, uint64_t bytes, uint64_t now)
{
	b->span_bytes = bytes;
	b->span_begin = now;
	b->next = bytes + PROOF_BYTES;
}

static void tighten(struct backlogs *all, struct backlog *b)
{
	b->state = BACKLOG_TIGHT;
	hold_window(b, TIGHT_WINDOW);
	limit_unsent(b, TIGHT_UNSENT);
	pump_confine(b->flow.pump, all->tools);
	begin_span(b, taken(b), all->w->now);
}

static void widen(struct backlog *b)
{
	b->state = BACKLOG_WIDE;
	free_window(b);
	limit_unsent(b, 0);
	memory_charge(&b->share, may_hold(b));
}

/* What the sender was announced before shrinks as its bytes come. */
static void cap(struct backlog *b, uint32_t window)
{
	b->state = BACKLOG_CAPPED;
	b->cap = window > CAP_MIN ? window : CAP_MIN;
	hold_window(b, b->cap);
	limit_unsent(b, CAPPED_UNSENT);
	memory_charge(&b->share, 2LL * b->cap + CAPPED_UNSENT);
}

static struct backlog *backlog_new(struct backlogs *all, const struct backlog_flow *flow)
{
	struct backlog *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->flow = *flow;
	limit_unsent(b, TIGHT_UNSENT);
	if (memory_take_early(&b->share)) {
		sockopt_int(flow->from, SOL_SOCKET, SO_RCVBUF, EARLY_BUFFER);
		sockopt_int(flow->from, SOL_TCP, TCP_WINDOW_CLAMP, WIDE_WINDOW);
		watch(all, b);
	} else {
		hold_window(b, TIGHT_WINDOW);
	}
	begin_span(b, 0, all->w->now);
	return b;
}

/* ---- by bytes: a receiver that takes ------------------------------------ */

static void review_tight(struct backlogs *all, struct backlog *b)
{
	uint64_t now = all->w->now, bytes = taken(b);

	if (now - b->span_begin > PROOF_MS) {
		begin_span(b, bytes, now);
		return;
	}
	if (bytes - b->span_bytes < PROOF_BYTES) {
		b->next = b->flow.pump->bytes + PROOF_BYTES - (bytes - b->span_bytes);
		return;
	}
	memory_leave_early(&b->share);
	memory_stalled(&b->share, 0);
	watch(all, b);
	b->flow.pump->roomy = true;
	if (memory_is_short())
		cap(b, 0);
	else
		widen(b);
	b->next = b->flow.pump->bytes + WIDE_REVIEW;
}

static void review_taking(struct backlog *b)
{
	b->next = b->flow.pump->bytes + WIDE_REVIEW;
	if (b->state == BACKLOG_WIDE)
		memory_charge(&b->share, may_hold(b));
	if (memory_is_short() && b->state == BACKLOG_WIDE)
		cap(b, meminfo(b->flow.from, SK_MEMINFO_RCVBUF) / 4); /* half of its window */
	else if (memory_is_short() && b->cap > CAP_MIN)
		cap(b, b->cap / 2);
	else if (memory_is_ample() && b->state == BACKLOG_CAPPED)
		widen(b);
}

void backlog_review(struct backlogs *all, struct backlog **b, const struct backlog_flow *flow,
		    bool full)
{
	if (!*b)
		*b = backlog_new(all, flow);
	if (!*b)
		return;
	if (full)
		watch(all, *b);
	if (flow->pump->bytes < (*b)->next)
		return;
	if ((*b)->state == BACKLOG_TIGHT)
		review_tight(all, *b);
	else
		review_taking(*b);
}

void backlog_end(struct backlogs *all, struct backlog **b)
{
	if (*b)
		unwatch(all, *b);
	free(*b);
	*b = NULL;
}

/* ---- by time: a receiver that does not ---------------------------------- */

/* May end b. */
static void look_stalled(struct backlogs *all, struct backlog *b, bool moved)
{
	int64_t hold;

	if (b->state != BACKLOG_TIGHT)
		tighten(all, b);
	else if (moved && !b->share.early) /* since 6.7 other sizes of packets lift the clamp */
		hold_window(b, TIGHT_WINDOW);
	hold = holds(b);
	memory_stalled(&b->share, hold);
	memory_charge(&b->share, hold);
	if (memory_must_end(&b->share))
		all->evict(b->flow.owner);
}

static void look_tight(struct backlogs *all, struct backlog *b)
{
	memory_stalled(&b->share, 0);
	if (pump_held(b->flow.pump))
		return;
	if (b->share.early)
		hold_window(b, TIGHT_WINDOW);
	unwatch(all, b);
}

static void look_taking(struct backlogs *all, struct backlog *b, bool moved)
{
	b->quiet = moved ? 0 : b->quiet + 1;
	if (b->quiet < QUIET_LOOKS)
		return;
	tighten(all, b);
	unwatch(all, b);
}

static void look(struct backlogs *all, struct backlog *b)
{
	uint64_t now = all->w->now, bytes = b->flow.pump->bytes;
	uint64_t moved = bytes - b->look_bytes;
	bool slow = moved * 1000 < SLOW_RATE * (now - b->look_time);

	b->look_bytes = bytes;
	b->look_time = now;
	TAILQ_REMOVE(&all->list, b, link);
	TAILQ_INSERT_TAIL(&all->list, b, link);
	if (slow && pump_held(b->flow.pump))
		look_stalled(all, b, moved);
	else if (b->state == BACKLOG_TIGHT)
		look_tight(all, b);
	else
		look_taking(all, b, moved);
}

static void look_all(struct timer *timer)
{
	struct backlogs *all = container_of(timer, struct backlogs, timer);
	uint64_t now = all->w->now;
	struct backlog *b;

	for (int i = 0; i < LOOKS_PER_TURN; i++) {
		b = TAILQ_FIRST(&all->list);
		if (!b || now - b->look_time < LOOK_MS)
			break;
		look(all, b);
	}
	b = TAILQ_FIRST(&all->list);
	if (b)
		timer_set(&all->w->wheel, timer, b->look_time + LOOK_MS);
}

void backlogs_init(struct backlogs *all, struct worker *w, struct pump_tools *tools,
		   void (*evict)(void *owner))
{
	*all = (struct backlogs){ .w = w, .tools = tools, .evict = evict };
	all->timer.fire = look_all;
	TAILQ_INIT(&all->list);
}

void backlogs_close(struct backlogs *all)
{
	timer_cancel(&all->w->wheel, &all->timer);
}
