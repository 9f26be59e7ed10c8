/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads nf_tables by netlink: chains, sets, rules, flowtables. */
#ifndef TPROXY_KERNEL_NETFILTER_NFT_NFT_H
#define TPROXY_KERNEL_NETFILTER_NFT_NFT_H

#include "kernel/netfilter/build.h"
#include "kernel/netfilter/nft/set.h"

/* 0 or -errno. 0 also where the kernel has no nf_tables loaded. */
int nft_read(struct firewall *fw);

/* Takes one message into the model; of a rule that follows its chain and its sets. 0 or -errno. */
int nft_take(struct firewall *fw, struct nft_sets *sets, const struct nlmsghdr *msg);

#endif
