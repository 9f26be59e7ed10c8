/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/events/listen.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "lib/log.h"
#include "monitor.skel.h"

#define FUNCTION "tproxy_event"

struct event_ear {
	struct monitor_bpf *skel;
};

/* ---- one program -------------------------------------------------------- */

static void take_off(struct event_listener *l, int prog)
{
	if (l->ears[prog])
		monitor_bpf__destroy(l->ears[prog]->skel);
	free(l->ears[prog]);
	l->ears[prog] = NULL;
	l->progs[prog] = 0;
}

/* All ears of a listener share the ring buffer and the counter of the first one. */
static int share(const struct event_listener *l, struct monitor_bpf *skel)
{
	int err;

	if (l->events < 0)
		return 0;
	err = bpf_map__reuse_fd(skel->maps.events, l->events);
	return err ? err : bpf_map__reuse_fd(skel->maps.bss, l->counters);
}

static int heard(void *arg, void *data, size_t size)
{
	const struct event_listener *l = arg;

	if (size >= sizeof(struct tproxy_event))
		l->heard(data, l->arg);
	return 0;
}

/* The maps outlive the first ear: its program may be replaced. */
static int keep_maps(struct event_listener *l, const struct monitor_bpf *skel)
{
	if (l->events >= 0)
		return 0;
	l->events = dup(bpf_map__fd(skel->maps.events));
	l->counters = dup(bpf_map__fd(skel->maps.bss));
	if (l->events < 0 || l->counters < 0)
		return -errno;
	l->ring = ring_buffer__new(l->events, heard, l, NULL);
	return l->ring ? 0 : -errno;
}

static int load(struct event_listener *l, struct monitor_bpf *skel, int prog_fd)
{
	int err = bpf_program__set_attach_target(skel->progs.tproxy_heard, prog_fd, FUNCTION);

	if (!err)
		err = share(l, skel);
	if (!err)
		err = monitor_bpf__load(skel);
	if (!err)
		err = keep_maps(l, skel);
	return err ? err : monitor_bpf__attach(skel);
}

static int put_on(struct event_listener *l, int prog, int prog_fd)
{
	struct event_ear *ear = calloc(1, sizeof(*ear));
	int err = -ENOMEM;

	if (!ear)
		return err;
	ear->skel = monitor_bpf__open();
	err = ear->skel ? load(l, ear->skel, prog_fd) : -errno;
	l->ears[prog] = ear;
	if (err) {
		log_debug("monitor: cannot attach to %s: %s", state_prog_name(prog),
			  strerror(-err));
		take_off(l, prog);
	}
	return err;
}

/* ---- all of a state ----------------------------------------------------- */

static __u32 prog_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

/* Programs that report nothing do not have the function: only tproxy_report must. */
int event_listener_follow(struct event_listener *l, const struct state *state)
{
	int err = 0;

	for (int i = 0; i < PROG_MAX; i++) {
		const __u32 id = prog_id(state->prog[i]);
		int failed = 0;

		if (id == l->progs[i] && id)
			failed = i == PROG_REPORT && !l->ears[i] ? -EOPNOTSUPP : 0;
		else
			take_off(l, i);
		if (id != l->progs[i])
			failed = put_on(l, i, state->prog[i]);
		l->progs[i] = id;
		if (i == PROG_REPORT)
			err = id ? failed : -ENOENT;
	}
	return err;
}

int event_listener_fd(const struct event_listener *l)
{
	return l->ring ? ring_buffer__epoll_fd(l->ring) : -1;
}

void event_listener_read(struct event_listener *l)
{
	if (l->ring)
		ring_buffer__consume(l->ring);
}

uint64_t event_listener_lost(struct event_listener *l)
{
	__u64 lost = l->lost, before = l->lost;
	__u32 zero = 0;

	if (l->counters < 0 || bpf_map_lookup_elem(l->counters, &zero, &lost))
		return 0;
	l->lost = lost;
	return lost - before;
}

void event_listener_close(struct event_listener *l)
{
	for (int i = 0; i < PROG_MAX; i++)
		take_off(l, i);
	ring_buffer__free(l->ring);
	l->ring = NULL;
	cleanup_fd(&l->events);
	cleanup_fd(&l->counters);
	l->events = l->counters = -1;
	l->lost = 0;
}
