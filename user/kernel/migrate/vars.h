/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps and variables of a loaded program that are not pinned, found by its map ids and its BTF. */
#ifndef TPROXY_KERNEL_MIGRATE_VARS_H
#define TPROXY_KERNEL_MIGRATE_VARS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct bpf_map;

/* Has the map of fd the type and sizes of `map`, so that an object can use it in its place? */
bool vars_map_fits(const struct bpf_map *map, int fd);

/* The map of this name that the program uses. Descriptor, -ENOENT; -EPERM without CAP_SYS_ADMIN. */
int vars_open_map(int prog, const char *name);
/* The map of its zero-initialised variables (.bss). */
int vars_open(int prog);

/* Where a variable of this size is in it; -ENOENT. */
int vars_find(int vars, const char *name, size_t size, __u32 *ret_at);
int vars_read(int vars, __u32 at, void *ret_bytes, size_t size);

#endif
