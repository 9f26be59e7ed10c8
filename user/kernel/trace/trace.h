/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One trace: its programs, attached to those of a state, and the events that they send. Nothing is
 * pinned: closing, or the end of the process, removes everything. Several traces share nothing.
 */
#ifndef TPROXY_KERNEL_TRACE_TRACE_H
#define TPROXY_KERNEL_TRACE_TRACE_H

#include "kernel/state/state.h"
#include "tproxy_trace.h"

struct trace_bpf;
struct ring_buffer;

/* 0, or negative to stop reading. */
typedef int (*trace_cb)(const struct trace_event *event, void *arg);

/* Interfaces to trace: all that are attached, or none because the one is gone; else an ifindex. */
#define TRACE_ALL_INTERFACES 0
#define TRACE_NO_INTERFACE UINT32_MAX

struct trace {
	trace_cb cb; /* set cb, arg, only and drops_only before trace_open */
	void *arg;
	__u32 only;
	bool drops_only;        /* no verdicts: for kernels that let no program attach to another */
	struct trace_bpf *skel; /* owned */
	struct ring_buffer *ring; /* owned */
	__u32 progs[PROG_MAX];    /* ids of the programs that are traced */
};

/*
 * Attaches. 0, or -errno: -EPERM without CAP_BPF and CAP_PERFMON; -ENODATA: the kernel has no BTF;
 * -E2BIG: too many traces; libbpf's messages say more of others. Close it in each case.
 */
int trace_open(struct trace *trace, const struct state *state, const struct trace_filter *filter);

void trace_use_interface(struct trace *trace, __u32 only);

/* Readable when there are events. */
int trace_fd(const struct trace *trace);

/* Hands over what is there. 0, or the result of cb that stopped it. */
int trace_read(struct trace *trace);

/* Detaches the programs; what they have sent can still be read, and the totals do not change. */
void trace_stop(struct trace *trace);

struct trace_totals trace_totals(const struct trace *trace);

/* Does the pin directory hold other programs than these, or none? */
bool trace_is_outdated(const struct trace *trace, const char *pin_dir);

void trace_close(struct trace *trace);
#define __cleanup_trace __attribute__((cleanup(trace_close)))

#endif
