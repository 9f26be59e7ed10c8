/* SPDX-License-Identifier: BSD-2-Clause */
/* Slots are taken and given back by the program tproxy_watch: it can compare and set in one step. */
#include "kernel/watch/session.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <sys/random.h>
#include <sys/syscall.h>

/* ---- the program -------------------------------------------------------- */

static int ask(const struct watch_session *s, struct tproxy_watch_request *request)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = request, .ctx_size_in = sizeof(*request));

	request->owner = s->owner;
	if (bpf_prog_test_run_opts(s->prog, &opts))
		return -errno;
	switch (opts.retval) {
	case 0:
		return 0;
	case TPROXY_WATCH_BUSY:
		return -EBUSY;
	case TPROXY_WATCH_LOST:
		return -ESTALE;
	default:
		return -EINVAL;
	}
}

static int tell(const struct watch_session *s, enum tproxy_watch_op op, __u32 slot)
{
	struct tproxy_watch_request request = { .op = op, .slot = slot };

	return ask(s, &request);
}

/* ---- slots -------------------------------------------------------------- */

/* Sessions that were killed leave a ring buffer behind. Their slot is taken to remove it. */
static bool clean_slot(const struct watch_session *s, __u32 slot)
{
	struct tproxy_watcher watcher;

	if (bpf_map_lookup_elem(s->watchers, &slot, &watcher) || !watcher.owner ||
	    tell(s, TPROXY_WATCH_OP_CLAIM, slot))
		return false;
	bpf_map_delete_elem(s->rings, &slot);
	tell(s, TPROXY_WATCH_OP_LEAVE, slot);
	return true;
}

static int number_session(struct watch_session *s)
{
	while (!s->owner)
		if (getrandom(&s->owner, sizeof(s->owner), 0) != sizeof(s->owner))
			return -errno;
	return 0;
}

unsigned int watch_sessions_clean(const struct state *state)
{
	struct watch_session s = { .prog = state->prog[PROG_WATCH],
				   .watchers = state->map[MAP_WATCHERS],
				   .rings = state->map[MAP_WATCH_RINGS] };
	unsigned int n = 0;

	if (s.prog < 0 || s.watchers < 0 || s.rings < 0 || number_session(&s))
		return 0;
	for (__u32 i = 0; i < TPROXY_WATCHERS; i++)
		n += clean_slot(&s, i);
	return n;
}

static int claim_slot(struct watch_session *s)
{
	int err = -EBUSY;

	for (__u32 i = 0; i < TPROXY_WATCHERS; i++)
		clean_slot(s, i);
	for (__u32 i = 0; i < TPROXY_WATCHERS && err == -EBUSY; i++) {
		err = tell(s, TPROXY_WATCH_OP_CLAIM, i);
		s->slot = i;
	}
	return err == -EBUSY ? -EUSERS : err;
}

static int take_slot(struct watch_session *s)
{
	int err = number_session(s);

	if (!err)
		err = claim_slot(s);
	if (err)
		s->owner = 0;
	return err;
}

/* ---- begin -------------------------------------------------------------- */

static int duplicate(int fd, int *ret_fd)
{
	*ret_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (*ret_fd >= 0)
		return 0;
	return fd < 0 ? -ENOENT : -errno;
}

static int use_state(struct watch_session *s, const struct state *state)
{
	int err = duplicate(state->prog[PROG_WATCH], &s->prog);

	if (!err)
		err = duplicate(state->map[MAP_WATCHERS], &s->watchers);
	return err ? err : duplicate(state->map[MAP_WATCH_RINGS], &s->rings);
}

static int make_ring(struct watch_session *s, const struct watch_wish *wish)
{
	s->events = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "watch_ring", 0, 0, wish->bytes, NULL);
	if (s->events < 0)
		return -errno;
	s->ring = ring_buffer__new(s->events, wish->cb, wish->arg, NULL);
	return s->ring ? 0 : -errno;
}

static int start(struct watch_session *s, const struct watch_wish *wish)
{
	struct tproxy_watch_request request = { .op = TPROXY_WATCH_OP_START,
						.slot = s->slot,
						.only = wish->only,
						.kinds = wish->kinds };

	if (wish->filter)
		request.filter = *wish->filter;
	if (bpf_map_update_elem(s->rings, &s->slot, &s->events, BPF_ANY))
		return -errno;
	return ask(s, &request);
}

int watch_session_open(struct watch_session *session, const struct state *state,
		       const struct watch_wish *wish)
{
	int err = use_state(session, state);

	session->last = (struct trace_totals){ 0 };
	if (!err)
		err = make_ring(session, wish);
	if (!err)
		err = take_slot(session);
	return err ? err : start(session, wish);
}

/* ---- in between --------------------------------------------------------- */

int watch_session_renew(struct watch_session *session, __u32 only)
{
	struct tproxy_watch_request request = { .op = TPROXY_WATCH_OP_RENEW,
						.slot = session->slot,
						.only = only };

	return ask(session, &request);
}

int watch_session_fd(const struct watch_session *session)
{
	return session->ring ? ring_buffer__epoll_fd(session->ring) : -1;
}

int watch_session_read(struct watch_session *session)
{
	int n = session->ring ? ring_buffer__consume(session->ring) : 0;

	return n < 0 ? n : 0;
}

struct trace_totals watch_session_totals(struct watch_session *session)
{
	struct tproxy_watcher watcher;

	if (session->owner && !bpf_map_lookup_elem(session->watchers, &session->slot, &watcher) &&
	    watcher.owner == session->owner)
		session->last = watcher.totals;
	return session->last;
}

/* ---- end ---------------------------------------------------------------- */

/* A packet under way on another CPU, within RCU, may still be sent; the second call waits for it. */
void watch_session_stop(struct watch_session *session)
{
	if (!session->owner || tell(session, TPROXY_WATCH_OP_STOP, session->slot))
		return;
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* The ring buffer goes before the slot does: afterwards the slot may be another session's. */
static void leave(struct watch_session *s)
{
	watch_session_stop(s);
	watch_session_totals(s);
	if (!watch_session_renew(s, 0))
		bpf_map_delete_elem(s->rings, &s->slot);
	tell(s, TPROXY_WATCH_OP_LEAVE, s->slot);
	s->owner = 0;
}

void watch_session_close(struct watch_session *session)
{
	const struct trace_totals last = session->last;

	if (session->owner)
		leave(session);
	ring_buffer__free(session->ring);
	cleanup_fd(&session->events);
	cleanup_fd(&session->prog);
	cleanup_fd(&session->watchers);
	cleanup_fd(&session->rings);
	*session = WATCH_SESSION_CLOSED;
	session->last = last;
}
