/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs cost the verifier. The kernel's limit of a million instructions is far away.
 * The budget shows a change that multiplies paths, because other kernels may multiply them again.
 */
#include "own.skel.h"
#include "world.h"

#define LOG_STATS 4

struct budget {
	const char *name;
	unsigned int insns; /* that the verifier walks */
};

static const struct budget tproxy_budgets[] = {
	{ "tproxy_ingress", 250000 }, { "tproxy_egress", 50000 }, { "tproxy_lookup", 50000 },
	{ "tproxy_report", 5000 },    { "tproxy_audit", 5000 },   { "tproxy_watch", 5000 },
};

static const struct budget own_budgets[] = {
	{ "own_connect4", 20000 }, { "own_connect6", 20000 }, { "own_sendmsg4", 20000 },
	{ "own_sendmsg6", 20000 }, { "own_recvmsg4", 10000 }, { "own_recvmsg6", 10000 },
	{ "own_lo", 250000 },      { "own_egress", 5000 },    { "own_ingress", 10000 },
};

static char logs[9][65536];

_Static_assert(ARRAY_SIZE(own_budgets) <= ARRAY_SIZE(logs), "each program has a log");

static void load(struct bpf_object *obj, const struct budget *budgets, size_t n)
{
	char name[100];
	int err;

	for (size_t i = 0; i < n; i++) {
		struct bpf_program *prog = bpf_object__find_program_by_name(obj, budgets[i].name);

		if (!prog)
			tap_bail("no program %s", budgets[i].name);
		bpf_program__set_log_level(prog, LOG_STATS);
		bpf_program__set_log_buf(prog, logs[i], sizeof(logs[i]));
	}
	err = bpf_object__load(obj);
	snprintf(name, sizeof(name), "the object of %s loads", budgets[0].name);
	tap_ok(!err, name);
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

static void check(const struct bpf_program *prog, const struct budget *budget, const char *text)
{
	long insns = number_after(text, "processed "), stack = stack_of(prog, text);
	char name[100];

	tap_comment("%s: %ld instructions, budget %u; stack %ld bytes", budget->name, insns,
		    budget->insns, stack);
	snprintf(name, sizeof(name), "%s: instructions", budget->name);
	tap_ok(insns > 0 && insns <= budget->insns, name);
	snprintf(name, sizeof(name), "%s: stack", budget->name);
	tap_ok(stack >= 0 && stack <= 512, name);
}

static void check_object(struct bpf_object *obj, const struct budget *budgets, size_t n)
{
	load(obj, budgets, n);
	for (size_t i = 0; i < n; i++)
		check(bpf_object__find_program_by_name(obj, budgets[i].name), &budgets[i], logs[i]);
}

int main(void)
{
	struct tproxy_bpf *skel;
	struct own_bpf *own;

	if (geteuid() != 0)
		tap_skip_all("needs root");
	libbpf_set_print(NULL);
	skel = tproxy_bpf__open();
	own = own_bpf__open();
	if (!skel || !own)
		tap_bail("a BPF object does not open: %s", strerror(errno));
	check_object(skel->obj, tproxy_budgets, ARRAY_SIZE(tproxy_budgets));
	check_object(own->obj, own_budgets, ARRAY_SIZE(own_budgets));
	own_bpf__destroy(own);
	tproxy_bpf__destroy(skel);
	return tap_done();
}
