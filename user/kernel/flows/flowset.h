/* SPDX-License-Identifier: BSD-2-Clause */
/* A bounded set of flows by their key, with one mark for each. Pure data. */
#ifndef TPROXY_KERNEL_FLOWS_FLOWSET_H
#define TPROXY_KERNEL_FLOWS_FLOWSET_H

#include <stdbool.h>
#include <stddef.h>

#include "tproxy.h"

struct flow_entry {
	struct tproxy_flow_key key;
	bool used;
	bool marked; /* its meaning is the caller's */
};

struct flowset {
	struct flow_entry *slots; /* owned */
	size_t room;              /* a power of two */
	size_t n, max;
	size_t refused; /* additions for which there was no room */
	__u64 seed;     /* secret, so that senders cannot make flows collide */
};

int flowset_open(struct flowset *ret_set, size_t max); /* 0 or -ENOMEM */
void flowset_free(struct flowset *set);
#define __cleanup_flowset __attribute__((cleanup(flowset_free)))

struct flow_entry *flowset_find(const struct flowset *set, const struct tproxy_flow_key *key);
/* The entry, new or not; NULL when there is no room. */
struct flow_entry *flowset_add(struct flowset *set, const struct tproxy_flow_key *key);

/* Calls fn for each entry; a result other than 0 ends the walk and is returned. */
int flowset_walk(const struct flowset *set, int (*fn)(const struct flow_entry *entry, void *arg),
		 void *arg);

/* addr: 4 or 16 bytes of `family`; ports in network byte order. */
void flow_key_make(struct tproxy_flow_key *ret_key, __u8 family, const void *src, const void *dst);
/* The key of the other direction. */
struct tproxy_flow_key flow_key_reverse(const struct tproxy_flow_key *key);

#endif
