/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The embedded object with the programs for own traffic. It is a part of each build, so it counts
 * for state_build; who loads and pins it is kernel/own.
 */
#ifndef TPROXY_KERNEL_STATE_OWN_OBJECT_H
#define TPROXY_KERNEL_STATE_OWN_OBJECT_H

#include <linux/types.h>

struct bpf_object;

/*
 * Opened, not loaded; the caller closes it. NULL: errno says why. seed: by which destinations get
 * their tokens, so that other hosts cannot foresee them.
 */
struct bpf_object *own_object(__u32 seed);

/* Continues a CRC-32 with the object. */
__u32 own_object_crc(__u32 crc);

#endif
