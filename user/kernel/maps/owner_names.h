/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of owners, which the maps have only as ids. They are a part of the record of applied.h,
 * at its end, where older builds do not look. Must not know the rest of the record.
 */
#ifndef TPROXY_KERNEL_MAPS_OWNER_NAMES_H
#define TPROXY_KERNEL_MAPS_OWNER_NAMES_H

#include "policy/policy.h"

struct owner_names {
	struct owner_set of[TPROXY_MAX_RULES][TPROXY_OWNER_KIND_MAX]; /* items with a name */
};

/* The number of bytes; to: NULL, or room for them. */
size_t owner_names_pack(const struct owner_names *names, __u8 *to);
/* len: at least the bytes that were packed. 0, -ENOMEM, or -EBADMSG for other bytes. */
int owner_names_unpack(const __u8 *from, size_t len, struct owner_names *names);

int owner_names_take(struct owner_names *names, const struct policy *policy);
/* Names for the ids that the rules have. */
int owner_names_give(const struct owner_names *names, struct policy *policy);
bool owner_names_are(const struct owner_names *names, const struct policy *policy);

void owner_names_free(struct owner_names *names);

#endif
