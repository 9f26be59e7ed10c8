/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel lets this process do: its capabilities, and the lockdown of the kernel. Asks only;
 * the caller reports.
 */
#ifndef TPROXY_LOADER_APP_PRIVILEGES_H
#define TPROXY_LOADER_APP_PRIVILEGES_H

#include <stdbool.h>

/* May it load programs and attach them? CAP_NET_ADMIN, and CAP_BPF or CAP_SYS_ADMIN. */
bool privileges_attach(void);
/* May it load programs that read the kernel? CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN. */
bool privileges_trace(void);
/* Is the kernel locked down for confidentiality? Then no program may read its memory. */
bool privileges_locked_down(void);

#endif
