/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/bulk.h"

#include <bpf/bpf.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/util.h"

#define BATCH 4096
#define RETRIES 100
#define RETRY_US 1000
#define KERNEL_ENOTSUPP 524 /* errno.h of the kernel; user space has no name for it */

/* A batch of one family; keys follow each other without gaps. */
struct batch {
	size_t key_size;
	__u32 n;
	union {
		struct tproxy_lpm4 lpm4[BATCH];
		struct tproxy_lpm6 lpm6[BATCH];
		struct tproxy_owner_key owners[BATCH];
		__u8 bytes[1];
	} keys;
	tproxy_mask masks[BATCH];
};

static size_t key_size(__u8 family)
{
	if (family == OWNER_FAMILY)
		return sizeof(struct tproxy_owner_key);
	return family == AF_INET ? sizeof(struct tproxy_lpm4) : sizeof(struct tproxy_lpm6);
}

static struct batch *batch_new(__u8 family)
{
	struct batch *b = malloc(sizeof(*b));

	if (!b)
		return NULL;
	b->n = 0;
	b->key_size = key_size(family);
	return b;
}

static void batch_put(struct batch *b, const struct prefix_mask *entry)
{
	if (entry->prefix.family == OWNER_FAMILY) {
		owner_key(&entry->prefix, &b->keys.owners[b->n]);
	} else if (entry->prefix.family == AF_INET) {
		struct tproxy_lpm4 *key = &b->keys.lpm4[b->n];

		key->prefixlen = entry->prefix.len;
		memcpy(key->addr, entry->prefix.addr, sizeof(key->addr));
	} else {
		struct tproxy_lpm6 *key = &b->keys.lpm6[b->n];

		key->prefixlen = entry->prefix.len;
		memcpy(key->addr, entry->prefix.addr, sizeof(key->addr));
	}
	b->masks[b->n++] = entry->mask;
}

static int batch_get(const struct batch *b, __u32 i, __u8 family, struct prefix_table *table)
{
	struct prefix prefix = { .family = family };

	if (family == OWNER_FAMILY) {
		prefix = owner_of_key(&b->keys.owners[i]);
	} else if (family == AF_INET) {
		prefix.len = (__u8)b->keys.lpm4[i].prefixlen;
		memcpy(prefix.addr, b->keys.lpm4[i].addr, sizeof(b->keys.lpm4[i].addr));
	} else {
		prefix.len = (__u8)b->keys.lpm6[i].prefixlen;
		memcpy(prefix.addr, b->keys.lpm6[i].addr, sizeof(b->keys.lpm6[i].addr));
	}
	return prefix_table_append(table, &prefix, b->masks[i]);
}

/* ---- writing ------------------------------------------------------------ */

int bulk_update_one(int fd, const void *key, const void *value)
{
	for (int i = 0;; i++) {
		if (!bpf_map_update_elem(fd, key, value, BPF_ANY))
			return 0;
		if (errno != ENOMEM || i == RETRIES)
			return -errno;
		usleep(RETRY_US);
	}
}

static int write_singly(int fd, const struct batch *b, __u32 done)
{
	int err = 0;

	for (; done < b->n && !err; done++)
		err = bulk_update_one(fd, b->keys.bytes + done * b->key_size, &b->masks[done]);
	return err;
}

static bool has_no_batches(int err)
{
	return err == -EINVAL || err == -EOPNOTSUPP || err == -KERNEL_ENOTSUPP;
}

/* As bulk_update_one. After a batch that failed half-way, n is the number of entries written. */
static int write_batch(int fd, const struct batch *b)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	__u32 done = 0;

	for (int i = 0;; i++) {
		__u32 n = b->n - done;

		if (!bpf_map_update_batch(fd, b->keys.bytes + done * b->key_size, b->masks + done,
					  &n, &opts))
			return 0;
		if (has_no_batches(-errno))
			return write_singly(fd, b, done);
		if (errno != ENOMEM || i == RETRIES)
			return -errno;
		if (n < b->n - done)
			done += n;
		usleep(RETRY_US);
	}
}

int bulk_write_prefixes(int fd, __u8 family, const struct prefix_table *table,
			bulk_progress progress)
{
	__cleanup_free struct batch *b = batch_new(family);
	int err = 0;

	if (!b)
		return -ENOMEM;
	for (size_t i = 0; i < table->n && !err; i++) {
		if (table->items[i].prefix.family != family)
			continue;
		batch_put(b, &table->items[i]);
		if (b->n < BATCH)
			continue;
		err = write_batch(fd, b);
		b->n = 0;
		if (!err && progress)
			progress(i + 1, table->n);
	}
	if (!err && b->n)
		err = write_batch(fd, b);
	return err;
}

/* ---- reading ------------------------------------------------------------ */

static int read_singly(int fd, __u8 family, struct batch *b, struct prefix_table *table)
{
	__u8 key[sizeof(struct tproxy_lpm6)];
	const void *prev = NULL;

	while (!bpf_map_get_next_key(fd, prev, b->keys.bytes)) {
		int err;

		memcpy(key, b->keys.bytes, b->key_size);
		prev = key;
		if (bpf_map_lookup_elem(fd, key, &b->masks[0]))
			continue; /* deleted since */
		err = batch_get(b, 0, family, table);
		if (err)
			return err;
	}
	return errno == ENOENT ? 0 : -errno;
}

int bulk_read_prefixes(int fd, __u8 family, struct prefix_table *table)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	__cleanup_free struct batch *b = batch_new(family);
	__u8 at[sizeof(struct tproxy_lpm6)];
	bool first = true, last = false;

	if (!b)
		return -ENOMEM;
	while (!last) {
		b->n = BATCH;
		if (bpf_map_lookup_batch(fd, first ? NULL : at, at, b->keys.bytes, b->masks, &b->n,
					 &opts)) {
			last = errno == ENOENT;
			/* A key that vanishes ends a batch; an old kernel has no batches. */
			if (!last && first)
				return read_singly(fd, family, b, table);
			if (!last)
				return -errno;
		}
		first = false;
		for (__u32 i = 0; i < b->n; i++) {
			int err = batch_get(b, i, family, table);

			if (err)
				return err;
		}
	}
	return 0;
}

/* ---- emptying ----------------------------------------------------------- */

void bulk_drain_prefixes(int fd, __u8 family)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	__cleanup_free struct batch *b = batch_new(family);
	__u8 at[sizeof(struct tproxy_lpm6)];
	__u32 n;

	while (b) {
		b->n = BATCH;
		if (bpf_map_lookup_batch(fd, NULL, at, b->keys.bytes, b->masks, &b->n, &opts) &&
		    errno != ENOENT)
			return;
		n = b->n;
		if (!n || bpf_map_delete_batch(fd, b->keys.bytes, &n, &opts))
			return;
	}
}
