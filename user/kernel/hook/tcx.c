/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/hook/tcx.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "lib/util.h"

/* Not in the headers of Linux 6.1: include/uapi/linux/bpf.h. */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS 47
#define FLAG_BEFORE (1U << 3)
#define FLAG_AFTER (1U << 4)
#define FLAG_ID (1U << 5)

static __u32 attach_type(enum hook_side side)
{
	return side == HOOK_EGRESS ? ATTACH_TCX_EGRESS : ATTACH_TCX_INGRESS;
}

static long sys_bpf(int command, void *attr, unsigned int size)
{
	return syscall(__NR_bpf, command, attr, size);
}

static int load(const char *name, const struct bpf_insn *insns, size_t n)
{
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, name, "Dual BSD/GPL", insns, n, NULL);

	return fd < 0 ? -errno : fd;
}

/* The program is the smallest that the verifier accepts: `return TCX_NEXT`. */
bool tcx_supported(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	__cleanup_close int prog = load("tproxy_probe", insns, ARRAY_SIZE(insns));
	int link;

	if (prog < 0)
		return false;
	/* No device has this index: ENODEV from tcx, EINVAL from a kernel without it. */
	link = bpf_link_create(prog, 0x7fffffff, ATTACH_TCX_INGRESS, NULL);
	if (link >= 0)
		close(link);
	return link < 0 && errno == ENODEV;
}

int tcx_query_side(int ifindex, enum hook_side side, struct tcx_chain *ret_chain)
{
	__u32 progs[TCX_MAX] = { 0 }, links[TCX_MAX] = { 0 };
	struct {
		__u32 target_ifindex, attach_type, query_flags, attach_flags;
		__u64 prog_ids;
		__u32 count, zero;
		__u64 prog_attach_flags, link_ids, link_attach_flags, revision;
	} attr = { .target_ifindex = (__u32)ifindex,
		   .attach_type = attach_type(side),
		   .prog_ids = (uintptr_t)progs,
		   .count = TCX_MAX,
		   .link_ids = (uintptr_t)links };
	struct tcx_chain chain = { .n = 0 };

	if (sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr))) {
		/* EINVAL, E2BIG: a kernel without tcx; ENOENT: nothing was attached yet. */
		if (errno != EINVAL && errno != E2BIG && errno != ENOENT)
			return -errno;
		attr.count = 0;
	}
	for (; chain.n < attr.count && chain.n < TCX_MAX; chain.n++)
		chain.items[chain.n] = (struct tcx_program){ progs[chain.n], links[chain.n] };
	*ret_chain = chain;
	return 0;
}

int tcx_query(int ifindex, struct tcx_chain *ret_chain)
{
	return tcx_query_side(ifindex, HOOK_INGRESS, ret_chain);
}

int tcx_link(int prog_fd, int ifindex, enum hook_side side, __u32 after)
{
	struct {
		__u32 prog_fd, target_ifindex, attach_type, flags;
		__u32 relative_id, zero;
		__u64 expected_revision;
	} attr = { .prog_fd = (__u32)prog_fd,
		   .target_ifindex = (__u32)ifindex,
		   .attach_type = attach_type(side),
		   .flags = after ? FLAG_AFTER | FLAG_ID : FLAG_BEFORE,
		   .relative_id = after };
	long fd = sys_bpf(BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : (int)fd;
}

/* ---- another place ------------------------------------------------------ */

/* A program that continues as prog_fd, by a tail call through `array`, which must stay open. */
static int load_jump(int array, int prog_fd)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM,
		  .dst_reg = BPF_REG_2,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = array },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	__u32 zero = 0, value = (__u32)prog_fd;
	int fd = load("tproxy_move", insns, ARRAY_SIZE(insns));

	if (fd >= 0 && bpf_map_update_elem(array, &zero, &value, BPF_ANY)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* The program to follow may be gone by now; then ours is the first. */
static int link_again(int prog_fd, int ifindex, __u32 after)
{
	int link = tcx_link(prog_fd, ifindex, HOOK_INGRESS, after);

	return link == -ENOENT && after ? tcx_link(prog_fd, ifindex, HOOK_INGRESS, 0) : link;
}

/*
 * A link cannot be moved, and a chain has a program only once (bpf_mprog_attach: EEXIST). So
 * another program, which jumps to it, holds the new place until the program itself can take it.
 */
int tcx_relink(int old, int prog_fd, int ifindex, __u32 after)
{
	__cleanup_close int array = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "tproxy_move",
						   sizeof(__u32), sizeof(__u32), 1, NULL);
	__cleanup_close int jump = -1;
	__cleanup_close int interim = -1;
	int link;

	if (array < 0)
		return -errno;
	jump = load_jump(array, prog_fd);
	if (jump < 0)
		return jump;
	interim = tcx_link(jump, ifindex, HOOK_INGRESS, after);
	if (interim < 0)
		return interim;
	if (bpf_link_detach(old) && errno != ENOLINK)
		return -errno;
	link = link_again(prog_fd, ifindex, after);
	bpf_link_detach(interim);
	return link;
}
