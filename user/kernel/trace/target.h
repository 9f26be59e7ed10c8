/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that run before and after a program of the data path: which one, the name of their ELF
 * section says ("trace_enter/tproxy_ingress", "trace_exit/tproxy_ingress"). Must not know what they
 * do.
 */
#ifndef TPROXY_KERNEL_TRACE_TARGET_H
#define TPROXY_KERNEL_TRACE_TARGET_H

#include "kernel/state/state.h"

/*
 * Call it before the object is opened. 0 or -errno. libbpf's own way to find the function needs
 * CAP_SYS_ADMIN, this one does not.
 */
int target_register(void);

/* Objects that are loaded from now on trace the programs of this state; NULL: of none. */
void target_use(const struct state *state);

/* Id of a program or map, 0 if fd is none. */
__u32 target_prog_id(int fd);

#endif
