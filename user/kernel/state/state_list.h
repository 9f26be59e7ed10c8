/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The states that exist in this network namespace. Their pins may be in a bpffs that this process
 * cannot see. But while a state has an interface, its sk_lookup program is attached to the
 * namespace, and the kernel shows which maps it uses. Other states are found by their directories.
 */
#ifndef TPROXY_KERNEL_STATE_STATE_LIST_H
#define TPROXY_KERNEL_STATE_STATE_LIST_H

#include "kernel/state/program.h"
#include "kernel/state/state.h"

struct listed_state {
	struct tproxy_config config;
	__u32 config_map, socks_map; /* ids of these maps; 0: unknown */
	__u32 own_mark, own_table;   /* of own traffic; 0: not attached, or unknown */
	char dir[STATE_PATH_LEN];    /* empty: pinned elsewhere */
};

struct state_list {
	struct listed_state *items; /* owned */
	size_t n, room;
	int blind; /* -errno of a program that could not be read, or 0 */
};

/* Reads the directories next to pin_dir and in /sys/fs/bpf, and asks the kernel. 0 or -ENOMEM. */
int state_list_read(const char *pin_dir, struct state_list *ret_states);
void state_list_free(struct state_list *states);
#define __cleanup_state_list __attribute__((cleanup(state_list_free)))

/* The state whose maps the program uses, or NULL. */
const struct listed_state *state_list_owner(const struct state_list *states,
					    const struct program *program);
/* The state with this mark and table, for routed or for own traffic, or NULL. */
const struct listed_state *state_list_by_key(const struct state_list *states, __u32 mark,
					     __u32 mask, __u32 table);
bool state_list_has_table(const struct state_list *states, __u32 table);

/* "the state in DIR", or "a state that is pinned elsewhere", into buf. Returns buf. */
char *listed_state_text(const struct listed_state *state, char *buf, size_t size);

#endif
