/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/hook/after.h"

#include <bpf/bpf.h>
#include <string.h>

#include "lib/util.h"

static bool has_name(const struct after *after, const char *name)
{
	for (size_t i = 0; i < after->n; i++)
		if (!strcmp(after->names[i], name))
			return true;
	return false;
}

int after_append(struct after *after, const char *name)
{
	if (has_name(after, name))
		return 0;
	if (after->n == AFTER_MAX)
		return -E2BIG;
	snprintf(after->names[after->n++], TPROXY_PROG_LEN, "%s", name);
	return 0;
}

bool after_has(const struct after *after, const char *name, __u32 id)
{
	char text[TPROXY_PROG_LEN];

	snprintf(text, sizeof(text), "id:%u", id);
	return (*name && has_name(after, name)) || (id && has_name(after, text));
}

void after_read(const struct state *state, __u32 ifindex, struct after *ret_after)
{
	struct tproxy_after_key key, *prev = NULL;
	int fd = state->map[MAP_AFTER];

	*ret_after = (struct after){ .n = 0 };
	for (int i = 0; fd >= 0 && i < TPROXY_MAX_AFTER; prev = &key, i++) {
		if (bpf_map_get_next_key(fd, prev, &key))
			break;
		key.name[sizeof(key.name) - 1] = '\0';
		if (key.ifindex == ifindex)
			after_append(ret_after, (const char *)key.name);
	}
}

static struct tproxy_after_key make_key(__u32 ifindex, const char *name)
{
	struct tproxy_after_key key = { .ifindex = ifindex };

	snprintf((char *)key.name, sizeof(key.name), "%s", name);
	return key;
}

int after_write(const struct state *state, __u32 ifindex, const struct after *after)
{
	const __u8 one = 1;

	for (size_t i = 0; i < after->n; i++) {
		struct tproxy_after_key key = make_key(ifindex, after->names[i]);

		if (bpf_map_update_elem(state->map[MAP_AFTER], &key, &one, BPF_ANY))
			return -errno;
	}
	return 0;
}

void after_forget(const struct state *state, __u32 ifindex)
{
	struct after after;

	after_read(state, ifindex, &after);
	for (size_t i = 0; i < after.n; i++) {
		struct tproxy_after_key key = make_key(ifindex, after.names[i]);

		bpf_map_delete_elem(state->map[MAP_AFTER], &key);
	}
}
