/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs cost the verifier. The kernel's limit of a million instructions is far away.
 * The budget shows a change that multiplies paths, because other kernels may multiply them again.
 */
#include "world.h"

#define LOG_STATS 4

static const struct {
	const char *name;
	unsigned int budget; /* instructions that the verifier walks */
} programs[] = {
	{ "tproxy_ingress", 250000 }, { "tproxy_egress", 50000 }, { "tproxy_lookup", 50000 },
	{ "tproxy_report", 5000 },    { "tproxy_audit", 5000 },   { "tproxy_watch", 5000 },
};

static char logs[ARRAY_SIZE(programs)][65536];

static void load(struct tproxy_bpf *skel)
{
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		struct bpf_program *prog =
			bpf_object__find_program_by_name(skel->obj, programs[i].name);

		if (!prog)
			tap_bail("no program %s", programs[i].name);
		bpf_program__set_log_level(prog, LOG_STATS);
		bpf_program__set_log_buf(prog, logs[i], sizeof(logs[i]));
	}
	err = tproxy_bpf__load(skel);
	tap_ok(!err, "the object loads");
	if (err)
		tap_comment("%s", strerror(-err));
}

/* The number after `word` in the verifier's log, or -1. */
static long number_after(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	return at ? strtol(at + strlen(word), NULL, 10) : -1;
}

/* ---- stack -------------------------------------------------------------- */

#define MAX_FUNCTIONS 64

/* The functions of a program, the program first, in the order of their instructions. */
struct functions {
	const struct bpf_insn *insns;
	size_t n_insns;
	size_t starts[MAX_FUNCTIONS + 1];
	long stack[MAX_FUNCTIONS]; /* bytes */
	size_t n;
};

/* A call, or the address of a function that a helper calls. */
static bool is_call(const struct bpf_insn *insn)
{
	return (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL) ||
	       (insn->code == (BPF_LD | BPF_DW | BPF_IMM) && insn->src_reg == BPF_PSEUDO_FUNC);
}

static void add_start(struct functions *f, size_t start)
{
	size_t at = 0;

	while (at < f->n && f->starts[at] < start)
		at++;
	if ((at < f->n && f->starts[at] == start) || f->n == MAX_FUNCTIONS)
		return;
	memmove(&f->starts[at + 1], &f->starts[at], (f->n - at) * sizeof(f->starts[0]));
	f->starts[at] = start;
	f->n++;
}

static size_t target_of(const struct functions *f, size_t call)
{
	return (size_t)((long)call + 1 + f->insns[call].imm);
}

/* "stack depth 280+24+64": of each function. False: there are more or fewer of them. */
static bool read_depths(struct functions *f, const char *text)
{
	static const char word[] = "stack depth ";
	const char *at = strstr(text, word);
	size_t n = 0;
	char *end;

	if (!at)
		return false;
	for (at += strlen(word); n < f->n; at = end + 1) {
		f->stack[n++] = strtol(at, &end, 10);
		if (*end != '+')
			break;
	}
	return n == f->n && *end != '+';
}

static long deepest(const struct functions *f, size_t which)
{
	long most = 0;

	for (size_t i = f->starts[which]; i < f->starts[which + 1]; i++) {
		size_t callee = 0;
		long depth;

		if (!is_call(&f->insns[i]))
			continue;
		while (f->starts[callee] != target_of(f, i))
			callee++;
		depth = deepest(f, callee);
		if (depth > most)
			most = depth;
	}
	return (f->stack[which] + 31) / 32 * 32 + most;
}

/*
 * Bytes in the longest chain of calls, or -1. The verifier limits every chain itself; the number
 * shows how much room is left, and is that of Linux 6.1, which gives a function multiples of 32.
 */
static long stack_of(const struct bpf_program *prog, const char *text)
{
	struct functions f = { .insns = bpf_program__insns(prog),
			       .n_insns = bpf_program__insn_cnt(prog) };

	add_start(&f, 0);
	for (size_t i = 0; i < f.n_insns; i++)
		if (is_call(&f.insns[i]))
			add_start(&f, target_of(&f, i));
	f.starts[f.n] = f.n_insns;
	return read_depths(&f, text) ? deepest(&f, 0) : -1;
}

static void check(const struct tproxy_bpf *skel, size_t i)
{
	const struct bpf_program *prog =
		bpf_object__find_program_by_name(skel->obj, programs[i].name);
	long insns = number_after(logs[i], "processed "), stack = stack_of(prog, logs[i]);
	char name[100];

	tap_comment("%s: %ld instructions, budget %u; stack %ld bytes", programs[i].name, insns,
		    programs[i].budget, stack);
	snprintf(name, sizeof(name), "%s: instructions", programs[i].name);
	tap_ok(insns > 0 && insns <= programs[i].budget, name);
	snprintf(name, sizeof(name), "%s: stack", programs[i].name);
	tap_ok(stack >= 0 && stack <= 512, name);
}

int main(void)
{
	struct tproxy_bpf *skel;

	if (geteuid() != 0)
		tap_skip_all("needs root");
	libbpf_set_print(NULL);
	skel = tproxy_bpf__open();
	if (!skel)
		tap_bail("the BPF object does not open: %s", strerror(errno));
	load(skel);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		check(skel, i);
	tproxy_bpf__destroy(skel);
	return tap_done();
}
