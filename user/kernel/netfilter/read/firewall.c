/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/netfilter/read/firewall.h"

#include "kernel/netfilter/nft/nft.h"
#include "kernel/netfilter/xt/legacy.h"

int firewall_read(struct firewall *ret_fw)
{
	int err;

	*ret_fw = (struct firewall){ 0 };
	err = nft_read(ret_fw);
	return err ? err : legacy_read(ret_fw);
}
