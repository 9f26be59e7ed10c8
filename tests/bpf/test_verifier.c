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
	{ "tproxy_ingress", 250000 },
	{ "tproxy_lookup", 1000 },
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

/*
 * "stack depth 280+24+64": the program, then each subprogram, of which no more than two are on
 * the stack at a time. The verifier itself limits every chain of calls; this checks that there is
 * room left.
 */
static long stack_of(const char *text)
{
	static const char word[] = "stack depth ";
	const char *at = strstr(text, word);
	long own, first = 0, second = 0;
	char *end;

	if (!at)
		return -1;
	own = strtol(at + strlen(word), &end, 10);
	while (*end == '+') {
		long depth = strtol(end + 1, &end, 10);

		if (depth > first) {
			second = first;
			first = depth;
		} else if (depth > second) {
			second = depth;
		}
	}
	return own + first + second;
}

static void check(size_t i)
{
	long insns = number_after(logs[i], "processed "), stack = stack_of(logs[i]);
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
		check(i);
	tproxy_bpf__destroy(skel);
	return tap_done();
}
