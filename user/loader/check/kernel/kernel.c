/* SPDX-License-Identifier: BSD-2-Clause */
/* Can this kernel do what we need, and does it let us? Found out by doing, where that is possible. */
#include "loader/check/kernel/kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>
#include <sys/utsname.h>

#include "kernel/hook/tcx.h"
#include "loader/app/privileges.h"
#include "loader/check/list.h"

#define FLOOR_MAJOR 6
#define FLOOR_MINOR 1

/* ---- version ------------------------------------------------------------ */

static void check_version(struct checkup *c)
{
	unsigned int major, minor;
	struct utsname uts;
	struct problem *p;

	if (uname(&uts) || sscanf(uts.release, "%u.%u", &major, &minor) != 2) {
		checkup_unchecked(c, "the kernel does not tell its version");
		return;
	}
	checkup_evidence(c, "Linux %s", uts.release);
	if (major > FLOOR_MAJOR || (major == FLOOR_MAJOR && minor >= FLOOR_MINOR))
		return;
	p = problem_add(&c->problems, "kernel-old", VERDICT_DEGRADED, NULL, NULL);
	problem_text(p, "Linux %u.%u is older than %d.%d, with which tproxy is tested", major,
		     minor, FLOOR_MAJOR, FLOOR_MINOR);
	problem_next(p, "install a newer kernel; tproxy-loader features shows what this one lacks");
}

/* ---- loading ------------------------------------------------------------ */

static void report_permission(struct checkup *c)
{
	struct problem *p =
		problem_add(&c->problems, "no-permission", VERDICT_DEGRADED, NULL, NULL);

	problem_text(p, "CAP_BPF and CAP_NET_ADMIN are missing: most cannot be checked");
	problem_next(p, "sudo tproxy-loader doctor");
}

static void report_refused(struct checkup *c, int err)
{
	struct problem *p = problem_add(&c->problems, "bpf-refused", VERDICT_BROKEN, NULL, NULL);

	problem_text(p,
		     "the kernel refuses to load a BPF program, although we have the "
		     "capabilities: %s",
		     strerror(-err));
	problem_next(p, "see dmesg, and whether a container, a seccomp filter or SELinux forbids "
			"bpf(2)");
}

void kernel_judge_jit(struct checkup *c, __u32 jited_len)
{
	struct problem *p;

	if (jited_len) {
		checkup_evidence(c, "JIT");
		return;
	}
	p = problem_add(&c->problems, "jit-off", VERDICT_DEGRADED, NULL, NULL);
	problem_text(p, "programs are interpreted: each packet costs several times as much");
	problem_next(p, "sysctl -w net/core/bpf_jit_enable=1; then attach again");
}

static void check_jit(struct checkup *c, int prog)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog, &info, &len))
		checkup_unchecked(c, "JIT unknown");
	else
		kernel_judge_jit(c, info.jited_prog_len);
}

/* False if it cannot be loaded; a problem says why. */
static bool check_load(struct checkup *c)
{
	/* r0 = 0; exit */
	const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
					  { .code = BPF_JMP | BPF_EXIT } };
	__cleanup_close int prog = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "tproxy_check", "GPL",
						 insns, ARRAY_SIZE(insns), NULL);

	if (prog >= 0) {
		check_jit(c, prog);
		return true;
	}
	if (!privileges_attach())
		report_permission(c);
	else
		report_refused(c, -errno);
	return false;
}

/* ---- features ----------------------------------------------------------- */

static void lacks(struct checkup *c, const char *what)
{
	struct problem *p = problem_add(&c->problems, "kernel-lacks", VERDICT_BROKEN, NULL, NULL);

	problem_text(p, "this kernel does not support %s: nothing can be intercepted", what);
	problem_next(p, "use a kernel with CONFIG_NET_CLS_BPF, CONFIG_BPF_SYSCALL and "
			"CONFIG_CGROUP_BPF, 6.1 or later");
}

static void check_features(struct checkup *c)
{
	if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_sk_assign, NULL) == 0)
		lacks(c, "sk_assign in tc programs");
	if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SK_LOOKUP, NULL) == 0)
		lacks(c, "sk_lookup programs");
	if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_SOCKMAP, NULL) == 0)
		lacks(c, "socket maps");
	if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_LPM_TRIE, NULL) == 0)
		lacks(c, "maps of prefixes");
	checkup_evidence(c, tcx_supported() ? "tcx" : "clsact (no tcx)");
}

/* ---- what only diagnosis needs ------------------------------------------ */

static void check_diagnosis(struct checkup *c)
{
	struct problem *p;

	checkup_evidence(c, access("/sys/kernel/btf/vmlinux", R_OK) ?
				    "no BTF: no trace, and drops without a reason" :
				    "BTF");
	if (!privileges_locked_down())
		return;
	p = problem_add(&c->problems, "lockdown", VERDICT_DEGRADED, NULL, NULL);
	problem_text(p, "the kernel is locked down for confidentiality: trace and the reasons of "
			"drops do not work");
	problem_next(p, "boot with lockdown=integrity, which is enough for Secure Boot");
}

void check_kernel(struct checkup *c)
{
	check_version(c);
	check_diagnosis(c);
	if (check_load(c))
		check_features(c);
}
