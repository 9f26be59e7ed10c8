/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/migrate/vars.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "kernel/state/program.h"
#include "lib/util.h"

bool vars_map_fits(const struct bpf_map *map, int fd)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map) &&
	       info.map_flags == bpf_map__map_flags(map);
}

static bool name_fits(const char *have, const char *wanted, bool suffix)
{
	size_t len = strlen(have), end = strlen(wanted);

	if (suffix)
		return len >= end && !strcmp(have + len - end, wanted);
	return !strcmp(have, wanted);
}

static int open_map(int prog, const char *name, bool suffix)
{
	struct program program;
	int err = program_by_fd(prog, &program);

	if (err)
		return err;
	for (size_t i = 0; i < program.n; i++) {
		__cleanup_close int fd = bpf_map_get_fd_by_id(program.maps[i]);
		struct bpf_map_info map = { 0 };
		__u32 map_len = sizeof(map);

		if (fd < 0)
			return -errno;
		if (!bpf_obj_get_info_by_fd(fd, &map, &map_len) &&
		    name_fits(map.name, name, suffix))
			return take_fd(&fd);
	}
	return -ENOENT;
}

int vars_open_map(int prog, const char *name)
{
	return open_map(prog, name, false);
}

/* libbpf prepends as much of the object's name as there is room for. */
int vars_open(int prog)
{
	return open_map(prog, ".bss", true);
}

static void free_btf(struct btf **btf)
{
	btf__free(*btf);
}

int vars_find(int vars, const char *name, size_t size, __u32 *ret_at)
{
	struct btf *btf __attribute__((cleanup(free_btf))) = NULL;
	const struct btf_var_secinfo *var;
	const struct btf_type *section;
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(vars, &info, &len))
		return -errno;
	btf = btf__load_from_kernel_by_id(info.btf_id);
	if (!btf)
		return -errno;
	section = btf__type_by_id(btf, info.btf_value_type_id);
	if (!section || !btf_is_datasec(section))
		return -ENOENT;
	var = btf_var_secinfos(section);
	for (__u32 i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *type = btf__type_by_id(btf, var[i].type);

		if (!type || strcmp(btf__name_by_offset(btf, type->name_off), name))
			continue;
		if (var[i].size != size || var[i].offset + size > info.value_size)
			return -ENOENT;
		*ret_at = var[i].offset;
		return 0;
	}
	return -ENOENT;
}

int vars_read(int vars, __u32 at, void *ret_bytes, size_t size)
{
	__cleanup_free __u8 *value = NULL;
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info), zero = 0;

	if (bpf_obj_get_info_by_fd(vars, &info, &len))
		return -errno;
	value = malloc(info.value_size);
	if (!value)
		return -ENOMEM;
	if (bpf_map_lookup_elem(vars, &zero, value))
		return -errno;
	memcpy(ret_bytes, value + at, size);
	return 0;
}
