/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the whole model as text, for reports of bugs and for tests: a line for each chain, rule and
 * flowtable. Values are hexadecimal, as in packets. Bounded; only printable characters.
 */
#ifndef TPROXY_KERNEL_NETFILTER_DUMP_H
#define TPROXY_KERNEL_NETFILTER_DUMP_H

#include <stdio.h>

#include "kernel/netfilter/model.h"

extern const char *const fw_hook_names[FW_HOOK_MAX + 1];

/* At most max_rules rules; says how many more there are. */
void fw_dump(FILE *out, const struct firewall *fw, size_t max_rules);

#endif
