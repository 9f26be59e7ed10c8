/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The addresses of this host. The one map that all objects share, also those that know no policy.
 */
#ifndef TPROXY_LOCAL_BPF_H
#define TPROXY_LOCAL_BPF_H

#include "tproxy.h"

/* Loader and relay fill the map; the value is unused. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct tproxy_local_key);
	__type(value, __u8);
} local SEC(".maps");

#endif
