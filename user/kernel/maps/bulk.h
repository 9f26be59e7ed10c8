/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads and writes many map entries at once: in batches where the kernel supports them for the
 * type (LPM tries since 5.13), else one by one. Knows keys and values, not the policy.
 */
#ifndef TPROXY_KERNEL_MAPS_BULK_H
#define TPROXY_KERNEL_MAPS_BULK_H

#include "policy/tables.h"

/*
 * Writes one entry. An LPM trie may refuse it with ENOMEM under a short memory pressure; then tries
 * again for some time. 0 or -errno.
 */
int bulk_update_one(int fd, const void *key, const void *value);

/* Called from time to time; may be NULL. */
typedef void (*bulk_progress)(size_t done, size_t total);

/* All prefixes of one family, or of OWNER_FAMILY; fd: an LPM trie of it. 0 or -errno. */
int bulk_write_prefixes(int fd, __u8 family, const struct prefix_table *table,
			bulk_progress progress);
int bulk_read_prefixes(int fd, __u8 family, struct prefix_table *table);

/*
 * Empties a trie that no program uses any more. The kernel frees a trie in one go when its last
 * reference is dropped; with millions of entries that keeps a CPU busy for some ten seconds.
 */
void bulk_drain_prefixes(int fd, __u8 family);

#endif
