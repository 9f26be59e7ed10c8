/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/netfilter/model.h"

#include "lib/util.h"

void firewall_free(struct firewall *fw)
{
	free(fw->ranges);
	free(fw->conds);
	free(fw->rules);
	free(fw->chains);
	free(fw->flowtables);
	*fw = (struct firewall){ 0 };
}
