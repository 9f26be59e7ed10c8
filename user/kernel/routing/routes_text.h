/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The routes of this network namespace as text, for people: about as `ip route show table all`,
 * without local and broadcast routes. Reads only.
 */
#ifndef TPROXY_KERNEL_ROUTING_ROUTES_TEXT_H
#define TPROXY_KERNEL_ROUTING_ROUTES_TEXT_H

#include <linux/types.h>
#include <stdio.h>

/*
 * At most `limit` routes of a family; stops reading there, as a table may have a million. Says so.
 * 0 or -errno.
 */
int routes_print(FILE *out, __u8 family, size_t limit);

#endif
