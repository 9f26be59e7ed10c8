/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/trace/target.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

/* libbpf's hooks get no more than a number. */
static const struct state *traced;

static int find_program(const char *name)
{
	for (int i = 0; i < PROG_MAX; i++)
		if (!strcmp(name, state_prog_name(i)))
			return i;
	return -ENOENT;
}

/* The BTF id of its entry function, which is its first one; 0: it has no BTF. */
static __u32 entry_function(int fd)
{
	struct bpf_func_info first = { 0 };
	struct bpf_prog_info info = { .nr_func_info = 1,
				      .func_info_rec_size = sizeof(first),
				      .func_info = (uintptr_t)&first };
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) || !info.nr_func_info ? 0 : first.type_id;
}

static int prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	const char *name = strchr(bpf_program__section_name(prog), '/');
	int which = name && traced ? find_program(name + 1) : -ENOENT;

	if (which < 0 || traced->prog[which] < 0)
		return -ENOENT;
	opts->attach_prog_fd = (__u32)traced->prog[which];
	opts->attach_btf_id = entry_function(traced->prog[which]);
	return opts->attach_btf_id ? 0 : -ENOENT;
}

int target_register(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = prepare);
	static bool done;
	int enter, leave;

	if (done)
		return 0;
	enter = libbpf_register_prog_handler("trace_enter/", BPF_PROG_TYPE_TRACING,
					     BPF_TRACE_FENTRY, &opts);
	leave = libbpf_register_prog_handler("trace_exit/", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT,
					     &opts);
	done = enter >= 0 && leave >= 0;
	return done ? 0 : enter < 0 ? enter : leave;
}

void target_use(const struct state *state)
{
	traced = state;
}

__u32 target_prog_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}
