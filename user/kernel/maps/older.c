/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/older.h"

#include <bpf/bpf.h>

#include "lib/util.h"

int older_add(const struct state *state, const struct tproxy_flow_key *key)
{
	const struct tproxy_older value = { .seen = monotonic_ns() };

	return bpf_map_update_elem(state->map[MAP_OLDER], key, &value, BPF_ANY) ? -errno : 0;
}

static bool is_idle(const struct tproxy_older *value, __u64 now)
{
	return now > value->seen && now - value->seen >= TPROXY_OLDER_IDLE_NS;
}

size_t older_count(const struct state *state)
{
	struct tproxy_flow_key key, *prev = NULL;
	int fd = state->map[MAP_OLDER];
	struct tproxy_older value;
	__u64 now = monotonic_ns();
	size_t n = 0;

	for (; n < TPROXY_MAX_OLDER && !bpf_map_get_next_key(fd, prev, &key); prev = &key)
		n += !bpf_map_lookup_elem(fd, &key, &value) && !is_idle(&value, now);
	return n;
}

struct stale {
	struct tproxy_flow_key *keys; /* owned */
	size_t n, room;
};

/* Collects them before any is deleted: a walk whose key is deleted starts again. */
static int find_stale(int fd, struct stale *stale)
{
	struct tproxy_flow_key key, *prev = NULL;
	struct tproxy_older value;
	__u64 now = monotonic_ns();
	int err = 0;

	for (; !err && !bpf_map_get_next_key(fd, prev, &key); prev = &key) {
		if (bpf_map_lookup_elem(fd, &key, &value) || !is_idle(&value, now))
			continue;
		err = array_room((void **)&stale->keys, stale->n, &stale->room, sizeof(key));
		if (!err)
			stale->keys[stale->n++] = key;
	}
	return err;
}

int older_purge(const struct state *state)
{
	int fd = state->map[MAP_OLDER];
	struct stale stale = { 0 };
	int err = find_stale(fd, &stale);

	/* One may be gone already: the data path deletes them, too. */
	for (size_t i = 0; i < stale.n; i++)
		bpf_map_delete_elem(fd, &stale.keys[i]);
	free(stale.keys);
	return err;
}
