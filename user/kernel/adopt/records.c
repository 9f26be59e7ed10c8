/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/adopt/records.h"

#include <bpf/bpf.h>
#include <string.h>

#define PIN_ADOPTED "internal/adopted"
#define PIN_SOCKS "internal/adopted_socks"

static const struct record_map {
	const char *name, *pin;
	struct map_shape shape;
	__u32 entries;
} maps[] = {
	{ "adopted",
	  PIN_ADOPTED,
	  { BPF_MAP_TYPE_HASH, sizeof(struct adopted_key), sizeof(struct adopted) },
	  RECORDS_MAX },
	{ "adopted_socks",
	  PIN_SOCKS,
	  { BPF_MAP_TYPE_HASH, sizeof(__u64), sizeof(struct adopted_socket) },
	  RECORDS_MAX_SOCKETS },
};
enum { RECORDS_ADOPTED, RECORDS_SOCKS };

_Static_assert(sizeof(struct adopted_key) == 24, "no padding");
_Static_assert(sizeof(struct adopted_socket) == 32, "no padding");

/* ---- maps --------------------------------------------------------------- */

static int open_map(const struct state *state, const struct record_map *map, int *ret_fd)
{
	int fd = state_get_map(&state->pins, map->pin, &map->shape);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	*ret_fd = fd;
	return 0;
}

static int make_map(const struct state *state, const struct record_map *map, int *fd)
{
	__cleanup_close int made = -1;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int err;

	if (*fd >= 0)
		return 0;
	made = bpf_map_create(map->shape.type, map->name, map->shape.key, map->shape.value,
			      map->entries, &opts);
	if (made < 0)
		return -errno;
	err = state_pin(&state->pins, map->pin, made);
	if (!err)
		*fd = take_fd(&made);
	return err;
}

/* ---- reading ------------------------------------------------------------ */

/* The strings of a map may have been edited by hand. */
static void end_strings(struct record *record)
{
	record->value.comm[sizeof(record->value.comm) - 1] = '\0';
	record->value.exe[sizeof(record->value.exe) - 1] = '\0';
	record->value.cgroup[sizeof(record->value.cgroup) - 1] = '\0';
}

static int read_adopted(struct records *records)
{
	struct adopted_key key, *at = NULL;
	size_t room = 0;

	while (records->n < RECORDS_MAX && !bpf_map_get_next_key(records->adopted_fd, at, &key)) {
		struct record *record;

		if (array_room((void **)&records->items, records->n, &room, sizeof(*record)))
			return -ENOMEM;
		record = &records->items[records->n];
		record->key = key;
		at = &record->key;
		if (bpf_map_lookup_elem(records->adopted_fd, &key, &record->value))
			return -errno;
		end_strings(record);
		records->n++;
	}
	return 0;
}

static int by_cookie(const void *a, const void *b)
{
	const struct record_socket *l = a, *r = b;

	return l->cookie < r->cookie ? -1 : l->cookie > r->cookie;
}

static int read_sockets(struct records *records)
{
	__u64 cookie, *at = NULL;
	size_t room = 0;

	while (records->n_sockets < RECORDS_MAX_SOCKETS &&
	       !bpf_map_get_next_key(records->socks_fd, at, &cookie)) {
		struct record_socket *socket;

		if (array_room((void **)&records->sockets, records->n_sockets, &room,
			       sizeof(*socket)))
			return -ENOMEM;
		socket = &records->sockets[records->n_sockets];
		socket->cookie = cookie;
		at = &socket->cookie;
		if (bpf_map_lookup_elem(records->socks_fd, &cookie, &socket->value))
			return -errno;
		records->n_sockets++;
	}
	if (records->n_sockets)
		qsort(records->sockets, records->n_sockets, sizeof(*records->sockets), by_cookie);
	return 0;
}

int records_open(const struct state *state, struct records *records)
{
	int err;

	*records = RECORDS_CLOSED;
	err = open_map(state, &maps[RECORDS_ADOPTED], &records->adopted_fd);
	if (!err)
		err = open_map(state, &maps[RECORDS_SOCKS], &records->socks_fd);
	if (!err && records->adopted_fd >= 0)
		err = read_adopted(records);
	if (!err && records->socks_fd >= 0)
		err = read_sockets(records);
	return err;
}

void records_close(struct records *records)
{
	cleanup_fd(&records->adopted_fd);
	cleanup_fd(&records->socks_fd);
	free(records->items);
	free(records->sockets);
	*records = RECORDS_CLOSED;
}

/* ---- finding ------------------------------------------------------------ */

struct process_identity records_identity(const struct adopted_key *key)
{
	return (struct process_identity){ key->exe_dev, key->exe_ino, key->uid };
}

const struct record *records_find(const struct records *records, const struct adopted_key *key)
{
	for (size_t i = 0; i < records->n; i++)
		if (!memcmp(&records->items[i].key, key, sizeof(*key)))
			return &records->items[i];
	return NULL;
}

const struct record_socket *records_socket(const struct records *records, __u64 cookie)
{
	const struct record_socket key = { .cookie = cookie };

	if (!records->n_sockets)
		return NULL;
	return bsearch(&key, records->sockets, records->n_sockets, sizeof(key), by_cookie);
}

/* ---- writing ------------------------------------------------------------ */

static int put(int fd, const void *key, const void *value)
{
	return bpf_map_update_elem(fd, key, value, BPF_ANY) ? -errno : 0;
}

static int del(int fd, const void *key)
{
	if (fd < 0 || !bpf_map_delete_elem(fd, key) || errno == ENOENT)
		return 0;
	return -errno;
}

int records_put(const struct state *state, struct records *records, const struct record *record)
{
	int err = make_map(state, &maps[RECORDS_ADOPTED], &records->adopted_fd);

	if (!err)
		err = make_map(state, &maps[RECORDS_SOCKS], &records->socks_fd);
	return err ? err : put(records->adopted_fd, &record->key, &record->value);
}

int records_del(const struct records *records, const struct adopted_key *key)
{
	return del(records->adopted_fd, key);
}

int records_put_socket(const struct records *records, __u64 cookie,
		       const struct adopted_socket *value)
{
	return put(records->socks_fd, &cookie, value);
}

int records_del_socket(const struct records *records, __u64 cookie)
{
	return del(records->socks_fd, &cookie);
}
