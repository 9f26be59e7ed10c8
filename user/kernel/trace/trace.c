/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/trace/trace.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>

#include "kernel/state/program.h"

#include "trace.skel.h" /* uses types of tproxy_trace.h */

#define RING_BYTES (8 << 20)

/* ---- verdicts ----------------------------------------------------------- */

/* A look-up names the slot of the listener, which the program cannot ask for its cookie. */
static int take_lookup(const struct trace *t, const struct trace_event *event)
{
	struct trace_event full = *event;

	if (bpf_map_lookup_elem(t->socks, &full.slot, &full.cookie))
		full.cookie = 0;
	return t->cb(&full, t->arg);
}

static int take_event(void *arg, void *data, size_t size)
{
	const struct trace_event *event = data;
	struct trace *t = arg;

	if (size < (event->kind == TRACE_CALL ? sizeof(struct trace_call) : sizeof(*event)))
		return 0;
	return event->kind == TRACE_LOOKUP ? take_lookup(t, event) : t->cb(event, t->arg);
}

static __u32 program_id(int fd)
{
	struct program program;

	return fd < 0 || program_by_fd(fd, &program) ? 0 : program.id;
}

int trace_open(struct trace *trace, const struct state *state, const struct trace_filter *filter)
{
	const struct watch_wish wish = { .kinds = trace->kinds,
					 .only = trace->only,
					 .filter = filter,
					 .bytes = RING_BYTES,
					 .cb = take_event,
					 .arg = trace };

	for (int i = 0; i < PROG_MAX; i++)
		trace->progs[i] = program_id(state->prog[i]);
	trace->socks = fcntl(state->map[MAP_SOCKS], F_DUPFD_CLOEXEC, 0);
	if (trace->socks < 0)
		return -errno;
	return watch_session_open(&trace->watch, state, &wish);
}

int trace_renew(struct trace *trace, __u32 only)
{
	trace->only = only;
	if (trace->skel)
		trace->skel->data_only->only = only;
	return watch_session_renew(&trace->watch, only);
}

/* ---- drops of the kernel ------------------------------------------------ */

/* The maps of the data path are those of the state; the others are made for this trace. */
static int reuse_maps(struct bpf_object *obj, const struct state *state)
{
	for (int i = 0; i < MAP_MAX; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, state_map_name(i));
		int err = 0;

		if (map && state->map[i] >= 0)
			err = bpf_map__reuse_fd(map, state->map[i]);
		if (err)
			return err;
	}
	return 0;
}

static int has_btf(void)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		return -ENODATA;
	btf__free(btf);
	return 0;
}

static int load(const struct trace *t, struct trace_bpf *skel, const struct state *state)
{
	int err = reuse_maps(skel->obj, state);

	if (!err)
		err = bpf_map__reuse_fd(skel->maps.trace_events, t->watch.events);
	if (!err)
		err = trace_bpf__load(skel);
	return err ? err : trace_bpf__attach(skel);
}

int trace_open_drops(struct trace *trace, const struct state *state,
		     const struct trace_filter *filter)
{
	struct trace_bpf *skel;
	int err = has_btf();

	if (err)
		return err;
	skel = trace_bpf__open();
	if (!skel)
		return -errno;
	skel->data_filter->filter = *filter;
	skel->data_only->only = trace->only;
	err = load(trace, skel, state);
	if (err)
		trace_bpf__destroy(skel);
	else
		trace->skel = skel;
	return err;
}

/* ---- events ------------------------------------------------------------- */

int trace_fd(const struct trace *trace)
{
	return watch_session_fd(&trace->watch);
}

int trace_read(struct trace *trace)
{
	return watch_session_read(&trace->watch);
}

struct trace_totals trace_totals(struct trace *trace)
{
	struct trace_totals all = watch_session_totals(&trace->watch);

	if (trace->skel) {
		const struct trace_totals *drops = &trace->skel->data_totals->totals;

		all.matched += drops->matched;
		all.lost += drops->lost;
		all.unreadable += drops->unreadable;
	}
	return all;
}

/* ---- the end ------------------------------------------------------------ */

/* A detached program may still run on another CPU, within RCU; the last call waits for that. */
void trace_stop(struct trace *trace)
{
	watch_session_stop(&trace->watch);
	if (!trace->skel)
		return;
	trace_bpf__detach(trace->skel);
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

void trace_close(struct trace *trace)
{
	watch_session_close(&trace->watch);
	trace->watch.last = (struct trace_totals){ 0 };
	trace_bpf__destroy(trace->skel);
	trace->skel = NULL;
	cleanup_fd(&trace->socks);
	trace->socks = -1;
}

static __u32 pinned_program(const struct state *state, enum state_prog which)
{
	char path[STATE_PATH_LEN];
	__cleanup_close int fd = -1;

	if (!state_prog_path(state, which, "", path))
		fd = bpf_obj_get(path);
	return program_id(fd);
}

bool trace_is_outdated(const struct trace *trace, const char *pin_dir)
{
	struct state now __cleanup_state = STATE_CLOSED;
	char why[PINDIR_WHY_LEN];

	if (state_enter(&now, pin_dir, why))
		return true;
	for (int i = 0; i < PROG_MAX; i++)
		if (pinned_program(&now, i) != trace->progs[i])
			return true;
	return false;
}
