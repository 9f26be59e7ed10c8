/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/flows/proxied.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/flows/flowset.h"
#include "kernel/maps/policy_maps.h"
#include "lib/listeners.h"

/* ---- by the table of the data path -------------------------------------- */

#define BATCH 2048

/* The key if this is the socket towards the client: its local address is the server's. */
static struct tproxy_flow_key client_side(const struct foreign_flow *flow)
{
	struct tproxy_flow_key key;

	flow_key_make(&key, flow->family, flow->id.idiag_dst, flow->id.idiag_src);
	key.proto = IPPROTO_TCP;
	key.sport = flow->id.idiag_dport;
	key.dport = flow->id.idiag_sport;
	return key;
}

/*
 * The key if this is the socket towards the server, on the client's address. Its port may differ
 * from the client's, so none is compared.
 */
static struct tproxy_flow_key server_side(const struct foreign_flow *flow)
{
	struct tproxy_flow_key key;

	flow_key_make(&key, flow->family, flow->id.idiag_src, flow->id.idiag_dst);
	key.proto = IPPROTO_TCP;
	key.dport = flow->id.idiag_dport;
	return key;
}

static void mark_if_asked(const struct flowset *asked, const struct tproxy_flow_key *noted)
{
	struct tproxy_flow_key any_port = *noted;
	struct flow_entry *entry;

	if (noted->proto != IPPROTO_TCP)
		return;
	entry = flowset_find(asked, noted);
	if (entry)
		entry->marked = true;
	any_port.sport = 0;
	entry = flowset_find(asked, &any_port);
	if (entry)
		entry->marked = true;
}

/* Marks those that are in the table. */
static int read_noted(const struct state *state, const struct flowset *asked)
{
	__cleanup_free struct tproxy_flow_key *values = calloc(BATCH, sizeof(*values));
	__cleanup_free __u32 *keys = calloc(BATCH, sizeof(*keys));
	__u32 place = 0, count;
	bool first = true;
	int err = 0;

	if (!values || !keys)
		return -ENOMEM;
	for (; !err; first = false) {
		count = BATCH;
		if (bpf_map_lookup_batch(state->map[MAP_PROXIED], first ? NULL : &place, &place,
					 keys, values, &count, NULL))
			err = -errno;
		for (__u32 i = 0; i < count && (!err || err == -ENOENT); i++)
			mark_if_asked(asked, &values[i]);
	}
	return err == -ENOENT ? 0 : err; /* the end of the map */
}

static int find_by_table(const struct state *state, struct foreign_flow *flows, size_t n)
{
	struct flowset asked __cleanup_flowset = { 0 };
	int err = flowset_open(&asked, 2 * n);

	for (size_t i = 0; i < n && !err; i++) {
		struct tproxy_flow_key client = client_side(&flows[i]);
		struct tproxy_flow_key server = server_side(&flows[i]);

		if (flows[i].protocol != IPPROTO_TCP)
			continue;
		flowset_add(&asked, &client);
		flowset_add(&asked, &server);
	}
	if (!err)
		err = read_noted(state, &asked);
	for (size_t i = 0; i < n && !err; i++) {
		struct tproxy_flow_key client = client_side(&flows[i]);
		struct tproxy_flow_key server = server_side(&flows[i]);
		const struct flow_entry *a = flowset_find(&asked, &client);
		const struct flow_entry *b = flowset_find(&asked, &server);

		flows[i].proxied =
			flows[i].protocol == IPPROTO_TCP && ((a && a->marked) || (b && b->marked));
	}
	return err;
}

/* ---- by owner ----------------------------------------------------------- */

struct inodes {
	__u32 *items; /* owned */
	size_t n, room;
};

static int compare_inodes(const void *a, const void *b)
{
	const __u32 *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool has_inode(const struct inodes *inodes, __u32 inode)
{
	return inode && inodes->n &&
	       bsearch(&inode, inodes->items, inodes->n, sizeof(inode), compare_inodes);
}

static int append(struct inodes *inodes, __u32 inode)
{
	int err = array_room((void **)&inodes->items, inodes->n, &inodes->room, sizeof(__u32));

	if (!err)
		inodes->items[inodes->n++] = inode;
	return err;
}

/* Sockets that a proxy registered itself; the program uses the other slots for a moment only. */
static int read_registered(const struct state *state, struct inodes *inodes)
{
	struct listeners all __cleanup_listeners = { 0 };
	int err = listeners_read(&all);

	for (__u32 slot = 0; slot < TPROXY_FOUND_SLOT(0, 0) && !err; slot++) {
		const struct listener *listener =
			listeners_by_cookie(&all, policy_maps_slot_cookie(state, slot));

		if (listener)
			err = append(inodes, listener->inode);
	}
	return err;
}

static int add_descriptor(int dir, const char *name, struct inodes *inodes)
{
	char target[64];
	ssize_t len = readlinkat(dir, name, target, sizeof(target) - 1);
	unsigned int inode;

	if (len < 0)
		return 0;
	target[len] = '\0';
	return sscanf(target, "socket:[%u]", &inode) == 1 ? append(inodes, inode) : 0;
}

/* Sockets of a process, sorted; none if it is gone or may not be read. */
static int read_process(const char *pid, struct inodes *inodes)
{
	__cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	char path[64];
	int err = 0;

	inodes->n = 0;
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && !err && (entry = readdir(dir)))
		err = add_descriptor(dirfd(dir), entry->d_name, inodes);
	if (inodes->n)
		qsort(inodes->items, inodes->n, sizeof(__u32), compare_inodes);
	return err;
}

static bool holds_any(const struct inodes *inodes, const struct inodes *of)
{
	for (size_t i = 0; i < of->n; i++)
		if (has_inode(inodes, of->items[i]))
			return true;
	return false;
}

static int walk_processes(const struct inodes *registered, struct foreign_flow *flows, size_t n)
{
	__cleanup_dir DIR *dir = opendir("/proc");
	struct inodes inodes = { 0 };
	struct dirent *entry;
	int err = dir ? 0 : -errno;

	while (!err && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		err = read_process(entry->d_name, &inodes);
		if (err || !holds_any(&inodes, registered))
			continue;
		for (size_t i = 0; i < n; i++)
			flows[i].proxied |= has_inode(&inodes, flows[i].inode);
	}
	free(inodes.items);
	return err;
}

static int find_by_owner(const struct state *state, struct foreign_flow *flows, size_t n)
{
	struct inodes registered = { 0 };
	int err = read_registered(state, &registered);

	if (!err && registered.n)
		err = walk_processes(&registered, flows, n);
	free(registered.items);
	return err;
}

/* ---- both --------------------------------------------------------------- */

int proxied_find(const struct state *state, struct foreign_flow *flows, size_t n)
{
	int err, result = n && state->map[MAP_PROXIED] >= 0 ? find_by_table(state, flows, n) : 0;
	bool all = true;

	for (size_t i = 0; i < n; i++)
		all &= flows[i].proxied || !flows[i].inode;
	if (all || state->map[MAP_SOCKS] < 0)
		return result;
	err = find_by_owner(state, flows, n);
	return first_error(result, err);
}
