/* SPDX-License-Identifier: BSD-2-Clause */
/* Where on a device a program is: the two sides that tcx and clsact both have. */
#ifndef TPROXY_KERNEL_HOOK_SIDE_H
#define TPROXY_KERNEL_HOOK_SIDE_H

/* Packets that enter, packets that leave. */
enum hook_side { HOOK_INGRESS, HOOK_EGRESS };

#endif
