// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The ears of `monitor`: a program that runs when a program of the data path calls
 * tproxy_event(), and copies the event to the monitor's own ring buffer. An object of its own:
 * loaded by each monitor, never pinned. Knows no map of the data path.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "tproxy.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18); /* some 1900 events */
} events SEC(".maps");

/* By the monitor's programs; the monitor reads it. */
__u64 lost;

/*
 * The loader names the program whose function it is. The verifier lets us read no pointer of
 * another program from ctx directly, but by the helper.
 */
SEC("fentry")
int tproxy_heard(__u64 *ctx)
{
	struct tproxy_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	__u64 argument = 0;

	if (!event) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	bpf_get_func_arg(ctx, 0, &argument);
	if (bpf_probe_read_kernel(event, sizeof(*event), (void *)argument)) {
		bpf_ringbuf_discard(event, 0);
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
