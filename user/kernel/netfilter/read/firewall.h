/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the packet filters of this network namespace into the model: nf_tables, also what
 * iptables-nft wrote into it, and the older iptables. It changes nothing, loads no kernel module
 * and is bounded.
 */
#ifndef TPROXY_KERNEL_NETFILTER_READ_FIREWALL_H
#define TPROXY_KERNEL_NETFILTER_READ_FIREWALL_H

#include "kernel/netfilter/model.h"

/* 0 or -errno; call firewall_free either way. */
int firewall_read(struct firewall *ret_fw);

#endif
