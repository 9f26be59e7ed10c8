/* SPDX-License-Identifier: BSD-2-Clause */
/* The judgement of check_kernel that no test can bring about, as it is of the whole host. Pure. */
#ifndef TPROXY_LOADER_CHECK_KERNEL_KERNEL_H
#define TPROXY_LOADER_CHECK_KERNEL_KERNEL_H

#include "loader/check/tools/checkup.h"

/* jited_len: of a program that was just loaded, as the kernel tells; 0: it is interpreted. */
void kernel_judge_jit(struct checkup *c, __u32 jited_len);

#endif
