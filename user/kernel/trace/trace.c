/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/trace/trace.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>

#include "kernel/trace/target.h"

#include "trace.skel.h" /* uses types of tproxy_trace.h */

/* ---- open --------------------------------------------------------------- */

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

/* Programs that run before and after ours need a kernel that patches its code for them. */
static void leave_out_verdicts(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog,
				     obj) if (bpf_program__type(prog) == BPF_PROG_TYPE_TRACING)
		bpf_program__set_autoload(prog, false);
}

static int load(struct trace *t, const struct state *state, const struct trace_filter *filter)
{
	int err;

	t->skel = trace_bpf__open();
	if (!t->skel)
		return -errno;
	if (t->drops_only)
		leave_out_verdicts(t->skel->obj);
	*(struct trace_filter *)&t->skel->rodata->filter = *filter;
	t->skel->data_only->only = t->only;
	err = reuse_maps(t->skel->obj, state);
	target_use(state);
	if (!err)
		err = trace_bpf__load(t->skel);
	target_use(NULL);
	return err;
}

static int attach_trace(struct bpf_program *prog, struct bpf_link **ret_link)
{
	*ret_link = bpf_program__attach_trace(prog);
	return *ret_link ? 0 : -errno;
}

/* The end of a decision before its begin: what is seen to begin is reported. */
static int attach(struct trace_bpf *skel, bool drops_only)
{
	int err;

	skel->links.kernel_drop = bpf_program__attach(skel->progs.kernel_drop);
	if (!skel->links.kernel_drop)
		return -errno;
	if (drops_only)
		return 0;
	err = attach_trace(skel->progs.ingress_exit, &skel->links.ingress_exit);
	if (!err)
		err = attach_trace(skel->progs.ingress_enter, &skel->links.ingress_enter);
	if (!err)
		err = attach_trace(skel->progs.lookup_exit, &skel->links.lookup_exit);
	if (!err)
		err = attach_trace(skel->progs.lookup_enter, &skel->links.lookup_enter);
	return err;
}

static int take_event(void *arg, void *data, size_t size)
{
	struct trace *t = arg;

	return size < sizeof(struct trace_event) ? 0 : t->cb(data, t->arg);
}

int trace_open(struct trace *trace, const struct state *state, const struct trace_filter *filter)
{
	int err = has_btf();

	if (!err)
		err = target_register();
	if (!err)
		err = load(trace, state, filter);
	for (int i = 0; i < PROG_MAX; i++)
		trace->progs[i] = target_prog_id(state->prog[i]);
	if (!err)
		err = attach(trace->skel, trace->drops_only);
	if (err)
		return err;
	trace->ring = ring_buffer__new(bpf_map__fd(trace->skel->maps.trace_events), take_event,
				       trace, NULL);
	return trace->ring ? 0 : -errno;
}

void trace_use_interface(struct trace *trace, __u32 only)
{
	trace->only = only;
	if (trace->skel)
		trace->skel->data_only->only = only;
}

/* ---- events ------------------------------------------------------------- */

int trace_fd(const struct trace *trace)
{
	return trace->ring ? ring_buffer__epoll_fd(trace->ring) : -1;
}

int trace_read(struct trace *trace)
{
	int n = trace->ring ? ring_buffer__consume(trace->ring) : 0;

	return n < 0 ? n : 0;
}

struct trace_totals trace_totals(const struct trace *trace)
{
	return trace->skel ? trace->skel->data_totals->totals : (struct trace_totals){ 0 };
}

/* ---- the end ------------------------------------------------------------ */

/* A detached program may still run on another CPU, within RCU; the second call waits for that. */
void trace_stop(struct trace *trace)
{
	if (!trace->skel)
		return;
	trace_bpf__detach(trace->skel);
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

void trace_close(struct trace *trace)
{
	trace_stop(trace);
	ring_buffer__free(trace->ring);
	trace_bpf__destroy(trace->skel);
	trace->ring = NULL;
	trace->skel = NULL;
}

static __u32 pinned_program(const struct state *state, enum state_prog which)
{
	char path[STATE_PATH_LEN];
	__cleanup_close int fd = -1;

	if (!state_prog_path(state, which, "", path))
		fd = bpf_obj_get(path);
	return target_prog_id(fd);
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
