/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many map entries at once: by batches where the kernel has them for the type (LPM
 * tries since 5.13), one by one elsewhere. Knows keys and values, not the policy.
 */
#ifndef TPROXY_KERNEL_MAPS_BULK_H
#define TPROXY_KERNEL_MAPS_BULK_H

#include "policy/tables.h"

/* Called now and then; may be NULL. */
typedef void (*bulk_progress)(size_t done, size_t total);

/* All prefixes of one family; fd: an LPM trie of it. 0 or -errno. */
int bulk_write_prefixes(int fd, __u8 family, const struct prefix_table *table,
			bulk_progress progress);
int bulk_read_prefixes(int fd, __u8 family, struct prefix_table *table);

/*
 * Empties a trie that nothing uses any more. The kernel frees a trie in one go when
 * its last reference is dropped, some ten seconds for millions of entries, in which
 * a CPU does nothing else.
 */
void bulk_drain_prefixes(int fd, __u8 family);

#endif
