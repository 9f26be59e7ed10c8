/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/state/program.h"

#include <bpf/bpf.h>
#include <string.h>

#include "lib/util.h"

int program_by_fd(int fd, struct program *ret_program)
{
	struct program program = { 0 };
	struct bpf_prog_info info = { .nr_map_ids = PROGRAM_MAPS,
				      .map_ids = (uintptr_t)program.maps };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	program.id = info.id;
	program.n = info.nr_map_ids < PROGRAM_MAPS ? info.nr_map_ids : PROGRAM_MAPS;
	snprintf(program.name, sizeof(program.name), "%s", info.name);
	*ret_program = program;
	return 0;
}

int program_by_id(__u32 id, struct program *ret_program)
{
	__cleanup_close int fd = bpf_prog_get_fd_by_id(id);

	return fd < 0 ? -errno : program_by_fd(fd, ret_program);
}

bool program_uses(const struct program *program, __u32 map_id)
{
	for (size_t i = 0; i < program->n && map_id; i++)
		if (program->maps[i] == map_id)
			return true;
	return false;
}

__u32 program_map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

static void add_program(struct owner *owner, int fd)
{
	struct program program;

	if (fd >= 0 && owner->n < ARRAY_SIZE(owner->progs) && !program_by_fd(fd, &program))
		owner->progs[owner->n++] = program.id;
}

static void add_map(struct owner *owner, int fd)
{
	__u32 id = program_map_id(fd);

	if (id && owner->n_maps < ARRAY_SIZE(owner->maps))
		owner->maps[owner->n_maps++] = id;
}

/* During a replacement the pinned programs differ from the open ones. */
static void add_pinned(struct owner *owner, const struct state *state, const char *suffix)
{
	char path[STATE_PATH_LEN];
	__cleanup_close int fd = -1;

	if (!state_prog_path(state, PROG_INGRESS, suffix, path))
		fd = bpf_obj_get(path);
	add_program(owner, fd);
}

void owner_add(struct owner *owner, const struct state *state)
{
	add_program(owner, state->prog[PROG_INGRESS]);
	add_pinned(owner, state, "");
	add_pinned(owner, state, STATE_NEXT);
	add_map(owner, state->map[MAP_CONFIG]);
	add_map(owner, state->map[MAP_SOCKS]); /* a migration makes another config map */
}

enum owned owner_has(const struct owner *owner, __u32 prog_id)
{
	struct program program;
	int err;

	for (size_t i = 0; i < owner->n; i++)
		if (owner->progs[i] == prog_id)
			return OWNED_YES;
	err = program_by_id(prog_id, &program);
	if (err)
		return err == -ENOENT ? OWNED_NO : OWNED_UNKNOWN;
	for (size_t i = 0; i < owner->n_maps; i++)
		if (program_uses(&program, owner->maps[i]))
			return OWNED_YES;
	return OWNED_NO;
}
