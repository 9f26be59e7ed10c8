/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/flows/proxied.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/flows/flowset.h"
#include "lib/listeners.h"
#include "kernel/maps/policy_maps.h"

/* ---- by the table of flows that began at a proxy ---------------------------- */

#define BATCH 2048

/* The socket towards the client: its own address is the server's. */
static struct tproxy_flow_key client_side(const struct foreign_flow *flow)
{
	struct tproxy_flow_key key;

	flow_key_make(&key, flow->family, flow->id.idiag_dst, flow->id.idiag_src);
	key.proto = IPPROTO_TCP;
	key.sport = flow->id.idiag_dport;
	key.dport = flow->id.idiag_sport;
	return key;
}

/* The socket towards the server, on the client's address: its port may be another one. */
static struct tproxy_flow_key server_side(const struct foreign_flow *flow)
{
	struct tproxy_flow_key key;

	flow_key_make(&key, flow->family, flow->id.idiag_src, flow->id.idiag_dst);
	key.proto = IPPROTO_TCP;
	key.dport = flow->id.idiag_dport;
	return key;
}

static void note_if_known(const struct flowset *asked, const struct tproxy_flow_key *began)
{
	struct tproxy_flow_key any_port = *began;
	struct flow_entry *entry;

	if (began->proto != IPPROTO_TCP)
		return;
	entry = flowset_find(asked, began);
	if (entry)
		entry->passes = true;
	any_port.sport = 0;
	entry = flowset_find(asked, &any_port);
	if (entry)
		entry->passes = true;
}

static int look_up(const struct state *state, const struct flowset *asked)
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
		if (bpf_map_lookup_batch(state->map[MAP_BEGAN], first ? NULL : &place, &place, keys,
					 values, &count, NULL))
			err = -errno;
		for (__u32 i = 0; i < count && (!err || err == -ENOENT); i++)
			note_if_known(asked, &values[i]);
	}
	return err == -ENOENT ? 0 : err; /* the end of the map */
}

static int find_began(const struct state *state, struct foreign_flow *flows, size_t n)
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
		err = look_up(state, &asked);
	for (size_t i = 0; i < n && !err; i++) {
		struct tproxy_flow_key client = client_side(&flows[i]);
		struct tproxy_flow_key server = server_side(&flows[i]);
		const struct flow_entry *a = flowset_find(&asked, &client);
		const struct flow_entry *b = flowset_find(&asked, &server);

		flows[i].ours =
			flows[i].protocol == IPPROTO_TCP && ((a && a->passes) || (b && b->passes));
	}
	return err;
}

/* ---- by process ------------------------------------------------------------- */

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

/* Sockets that a proxy put into the map itself; the program lends the other slots. */
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

/* Sockets of a process, sorted; none of one that is gone or that may not be looked at. */
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
			flows[i].ours |= has_inode(&inodes, flows[i].inode);
	}
	free(inodes.items);
	return err;
}

static int find_by_process(const struct state *state, struct foreign_flow *flows, size_t n)
{
	struct inodes registered = { 0 };
	int err = read_registered(state, &registered);

	if (!err && registered.n)
		err = walk_processes(&registered, flows, n);
	free(registered.items);
	return err;
}

/* ---- either ----------------------------------------------------------------- */

int proxied_find(const struct state *state, struct foreign_flow *flows, size_t n)
{
	int err, result = n && state->map[MAP_BEGAN] >= 0 ? find_began(state, flows, n) : 0;
	bool all = true;

	for (size_t i = 0; i < n; i++)
		all &= flows[i].ours || !flows[i].inode;
	if (all || state->map[MAP_SOCKS] < 0)
		return result;
	err = find_by_process(state, flows, n);
	return result ? result : err;
}
