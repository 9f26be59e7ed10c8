/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/probe/probe.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "kernel/probe/dropsite.h"
#include "kernel/probe/frame.h"
#include "lib/log.h"
#include "tproxy_probe.h"

#include "probe.skel.h" /* uses types of tproxy_probe.h */

#define WAIT_MS 500
#define PORT_MIN 20000
#define PORT_RANGE 12000

struct probe_try {
	const struct state *state;
	struct probe_flow flow;
	struct probe_bpf *skel; /* owned */
	int listener;           /* owned */
	__u32 slot;
	__u32 mark; /* the packet's */
	struct frame frame;
};

static void close_try(struct probe_try *t)
{
	struct tproxy_probe none = { 0 };
	__u32 zero = 0;

	bpf_map_update_elem(t->state->map[MAP_PROBE], &zero, &none, BPF_ANY);
	if (t->listener >= 0)
		close(t->listener); /* this empties its slot */
	probe_bpf__destroy(t->skel);
}
#define __cleanup_try __attribute__((cleanup(close_try)))

/* ---- programs ----------------------------------------------------------- */

static struct probe_bpf *load(bool traced)
{
	struct probe_bpf *skel = probe_bpf__open();
	int err;

	if (!skel)
		return NULL;
	bpf_program__set_autoload(skel->progs.tproxy_drop, traced);
	err = probe_bpf__load(skel);
	if (!err && traced)
		err = probe_bpf__attach(skel);
	if (!err)
		return skel;
	probe_bpf__destroy(skel);
	errno = -err;
	return NULL;
}

/* Without BTF, or the right to trace, a lost packet has no reason; the result is still right. */
static int open_programs(struct probe_try *t)
{
	t->skel = load(true);
	if (!t->skel) {
		log_debug("probe: cannot trace drops of the kernel: %s", strerror(errno));
		t->skel = load(false);
	}
	return t->skel ? 0 : -errno;
}

/* ---- the listener ------------------------------------------------------- */

static int bind_loopback(int fd, __u8 family)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int one = 1, err;

	if (family == AF_INET)
		err = setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one));
	else
		err = setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof(one));
	if (err)
		return -errno;
	err = family == AF_INET ? bind(fd, (const void *)&v4, sizeof(v4)) :
				  bind(fd, (const void *)&v6, sizeof(v6));
	return err ? -errno : 0;
}

static int open_listener(struct probe_try *t)
{
	int filter = bpf_program__fd(t->skel->progs.tproxy_arrive);
	bool tcp = t->flow.proto == IPPROTO_TCP;
	__u64 value;
	int err;

	t->listener =
		socket(t->flow.dst.family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (t->listener < 0)
		return -errno;
	err = bind_loopback(t->listener, t->flow.dst.family);
	if (err)
		return err;
	if (setsockopt(t->listener, SOL_SOCKET, SO_ATTACH_BPF, &filter, sizeof(filter)) ||
	    (tcp && listen(t->listener, 1)))
		return -errno;
	value = (__u64)t->listener;
	return bpf_map_update_elem(t->state->map[MAP_SOCKS], &t->slot, &value, BPF_ANY) ? -errno :
											  0;
}

/* ---- the packet --------------------------------------------------------- */

static void write_request(struct probe_try *t)
{
	struct probe_request *request = &t->skel->data_request->request;
	const struct endpoint *src = &t->flow.src, *dst = &t->flow.dst;
	bool v4 = dst->family == AF_INET;
	size_t len = v4 ? 4 : 16;

	request->ifindex = (__u32)t->flow.ifindex;
	request->family = v4 ? PROBE_IPV4 : PROBE_IPV6;
	memcpy(request->tuple.addrs, src->addr, len);
	memcpy((__u8 *)request->tuple.addrs + len, dst->addr, len);
	request->tuple.ports[0] = htons(src->port);
	request->tuple.ports[1] = htons(dst->port);
}

static int make_frame(struct probe_try *t)
{
	__u8 address[ETH_ALEN];
	bool ethernet;
	int err = frame_device(t->flow.ifindex, address, &ethernet);

	if (err)
		return err;
	/* Without such a header on the device, the kernel compares with the zeros of lo. */
	if (!ethernet)
		memset(address, 0, sizeof(address));
	frame_make(&t->frame, t->flow.proto, &t->flow.src, &t->flow.dst, address);
	/* If our program does not meet it, no server must get it. */
	frame_end_here(&t->frame);
	return 0;
}

/* Our bit makes the program compare the mark; random others identify the packet. */
static int choose_mark(struct probe_try *t)
{
	struct tproxy_probe probe = { 0 };
	__u32 zero = 0, numbers[2];

	if (getrandom(numbers, sizeof(numbers), 0) != sizeof(numbers))
		return -errno;
	t->mark = numbers[0] | t->state->config.mask;
	if (!t->flow.src.port)
		t->flow.src.port = (__u16)(PORT_MIN + numbers[1] % PORT_RANGE);
	probe.mark = t->mark;
	probe.cls = (t->flow.proto == IPPROTO_TCP ? TPROXY_TCP4 : TPROXY_UDP4) +
		    (t->flow.dst.family == AF_INET6);
	t->slot = TPROXY_PROBE_SLOT(probe.cls);
	return bpf_map_update_elem(t->state->map[MAP_PROBE], &zero, &probe, BPF_ANY) ? -errno : 0;
}

static int send_frame(const struct probe_try *t)
{
	struct __sk_buff ctx = { .mark = t->mark };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = t->frame.data,
		    .data_size_in = (__u32)t->frame.len, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .repeat = 1);
	int err = bpf_prog_test_run_opts(bpf_program__fd(t->skel->progs.tproxy_put), &opts);

	if (err)
		return err;
	return t->skel->data_outcome->outcome.put < 0 ? (int)t->skel->data_outcome->outcome.put : 0;
}

/* ---- the result --------------------------------------------------------- */

static void sleep_1ms(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

/* The first drop. The original packet, of which a copy was put on the device, does not count. */
static void find_drop(const struct probe_outcome *outcome, struct probe_report *report)
{
	__u32 n = outcome->drops < PROBE_DROPS ? outcome->drops : PROBE_DROPS;

	for (__u32 i = 0; i < n; i++) {
		dropsite_function(outcome->drop[i].location, report->where, sizeof(report->where));
		if (!strcmp(report->where, "bpf_prog_test_run_skb"))
			continue;
		dropsite_reason(outcome->drop[i].reason, report->why, sizeof(report->why));
		return;
	}
	report->where[0] = '\0';
}

static int wait_for_result(const struct probe_try *t, struct probe_report *report)
{
	const volatile struct probe_outcome *outcome = &t->skel->data_outcome->outcome;
	struct tproxy_probe probe;
	__u32 zero = 0;

	/* The first drop is the original's; a second one, or an arrival, is the result. */
	for (int i = 0; i < WAIT_MS && !outcome->arrived && outcome->drops < 2; i++)
		sleep_1ms();
	if (bpf_map_lookup_elem(t->state->map[MAP_PROBE], &zero, &probe))
		return -errno;
	if (outcome->arrived) {
		report->result = PROBE_DELIVERED;
		report->mark = outcome->mark;
		report->dst = t->flow.dst;
		report->dst.port = ntohs((__u16)outcome->dport);
		memcpy(report->dst.addr, (const void *)outcome->dst,
		       t->flow.dst.family == AF_INET ? 4 : 16);
		return 0;
	}
	report->result = probe.seen ? PROBE_LOST : PROBE_UNSEEN;
	find_drop((const struct probe_outcome *)outcome, report);
	return 0;
}

int probe_run(const struct state *state, const struct probe_flow *flow,
	      struct probe_report *ret_report)
{
	struct probe_try t __cleanup_try = { .state = state, .flow = *flow, .listener = -1 };
	struct probe_report report = { 0 };
	int err = open_programs(&t);

	if (!err)
		err = choose_mark(&t);
	if (!err)
		err = open_listener(&t);
	if (!err)
		err = make_frame(&t);
	if (err)
		return err;
	write_request(&t);
	err = send_frame(&t);
	if (!err)
		err = wait_for_result(&t, &report);
	if (!err)
		*ret_report = report;
	return err;
}
