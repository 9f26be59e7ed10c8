/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One trace: a watch session of a state, which gets the verdicts of its programs, and a program that
 * sees the drops of the kernel. Closing removes everything; so does the end of the process, but for
 * the slot of the session, which is free a few seconds later. Several traces share nothing.
 */
#ifndef TPROXY_KERNEL_TRACE_TRACE_H
#define TPROXY_KERNEL_TRACE_TRACE_H

#include "kernel/state/state.h"
#include "kernel/watch/session.h"
#include "tproxy_trace.h"

struct trace_bpf;

/* 0, or negative to stop reading. An event of the kind TRACE_CALL begins a struct trace_call. */
typedef int (*trace_cb)(const struct trace_event *event, void *arg);

/* Interfaces to trace: all that are attached, or none because the one is gone; else an ifindex. */
#define TRACE_ALL_INTERFACES 0
#define TRACE_NO_INTERFACE UINT32_MAX

struct trace {
	trace_cb cb; /* set cb, arg, kinds and only before trace_open */
	void *arg;
	__u32 kinds; /* enum tproxy_watch_kind, OR: packets, own traffic */
	__u32 only;
	struct watch_session watch;
	struct trace_bpf *skel; /* owned; NULL: drops are not seen */
	int socks;              /* the map of listeners */
	__u32 progs[PROG_MAX];  /* ids of the programs that are traced */
};
#define TRACE_CLOSED                                                                               \
	(struct trace)                                                                             \
	{                                                                                          \
		.watch = WATCH_SESSION_INIT, .socks = -1                                           \
	}

/* Begins with verdicts. 0, or -errno as watch_session_open. Close it in each case. */
int trace_open(struct trace *trace, const struct state *state, const struct trace_filter *filter);

/*
 * Adds drops of the kernel. 0, or -errno: -EPERM without CAP_BPF and CAP_PERFMON; -ENODATA: the
 * kernel has no BTF; -E2BIG: too many traces; libbpf's messages say more of others. Verdicts are
 * traced in each case.
 */
int trace_open_drops(struct trace *trace, const struct state *state,
		     const struct trace_filter *filter);

/* Call it at least once a second: a trace that is not renewed ends. -ESTALE: it has ended. */
int trace_renew(struct trace *trace, __u32 only);

/* Readable when there are events. */
int trace_fd(const struct trace *trace);

/* Hands over what is there. 0, or the result of cb that stopped it. */
int trace_read(struct trace *trace);

/* Nothing new is sent; what was sent can still be read, and the totals do not change. */
void trace_stop(struct trace *trace);

struct trace_totals trace_totals(struct trace *trace);

/* Does the pin directory hold other programs than these, or none? */
bool trace_is_outdated(const struct trace *trace, const char *pin_dir);

void trace_close(struct trace *trace);
#define __cleanup_trace __attribute__((cleanup(trace_close)))

#endif
