/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The states that exist in this network namespace. Their pins may be in a bpffs that this process
 * cannot see. But while a state has an interface, its sk_lookup program is attached to the
 * namespace, and the kernel shows which maps it uses. Other states are found by their directories.
 */
#ifndef TPROXY_KERNEL_STATE_LIVING_H
#define TPROXY_KERNEL_STATE_LIVING_H

#include "kernel/state/program.h"
#include "kernel/state/state.h"

struct living_state {
	struct tproxy_config config;
	__u32 maps[2];            /* ids of its maps config and socks; 0: unknown */
	char dir[STATE_PATH_LEN]; /* empty: pinned elsewhere */
};

struct living {
	struct living_state *items; /* owned */
	size_t n, room;
	int blind; /* -errno of a program that could not be read, or 0 */
};

/* Reads the directories next to pin_dir and in /sys/fs/bpf, and asks the kernel. 0 or -ENOMEM. */
int living_read(const char *pin_dir, struct living *ret_living);
void living_free(struct living *living);
#define __cleanup_living __attribute__((cleanup(living_free)))

/* The state whose maps the program uses, or NULL. */
const struct living_state *living_owner(const struct living *living, const struct program *program);
/* The state with this mark and table, or NULL. */
const struct living_state *living_by_key(const struct living *living, __u32 mark, __u32 mask,
					 __u32 table);
bool living_has_table(const struct living *living, __u32 table);

/* "the state in DIR", or "a state that is pinned elsewhere", into buf. Returns buf. */
char *living_text(const struct living_state *state, char *buf, size_t size);

#endif
