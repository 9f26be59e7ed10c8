/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel shows of a loaded BPF program, and to which state it belongs: to the one that
 * pins it or whose maps it uses. Names and numbers do not count.
 */
#ifndef TPROXY_KERNEL_STATE_PROGRAM_H
#define TPROXY_KERNEL_STATE_PROGRAM_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/state/state.h"
#include "tproxy.h"

#define PROGRAM_MAPS 64

struct program {
	__u32 id;
	char name[TPROXY_PROG_LEN];
	__u32 maps[PROGRAM_MAPS]; /* ids */
	size_t n;
};

/* -ENOENT: there is none. -EPERM without CAP_SYS_ADMIN, which is needed to open ids. */
int program_by_id(__u32 id, struct program *ret_program);
int program_by_fd(int fd, struct program *ret_program);
bool program_uses(const struct program *program, __u32 map_id);

/* Id of a map, 0 if fd is not a map. */
__u32 program_map_id(int fd);

/* What identifies the ingress programs of a state, or of two while one replaces the other. */
struct owner {
	__u32 progs[8]; /* ids of those that are open, pinned, or pinned to take over */
	size_t n;
	__u32 maps[4]; /* ids of maps that only programs of this state use */
	size_t n_maps;
};

/* Adds what belongs to the state. */
void owner_add(struct owner *owner, const struct state *state);

enum owned { OWNED_NO, OWNED_YES, OWNED_UNKNOWN /* the kernel does not show it */ };
enum owned owner_has(const struct owner *owner, __u32 prog_id);

#endif
