/* SPDX-License-Identifier: BSD-2-Clause */
/* Which counters of the data path count packets that went no further. Pure. */
#ifndef TPROXY_KERNEL_MAPS_DROPS_H
#define TPROXY_KERNEL_MAPS_DROPS_H

#include "tproxy.h"

/* A set, bit N: enum tproxy_counter N. Some depend on the settings: `unreadable`. */
__u64 drops_counters(const struct tproxy_config *config);

/* "down_drop", "no listener: dropped" */
const char *drops_name(enum tproxy_counter counter);
const char *drops_meaning(enum tproxy_counter counter);

#endif
