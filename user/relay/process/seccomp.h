/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls that a running relay makes, and no others: whoever gets it to
 * make another one ends it, and the kernel's log says which.
 */
#ifndef TPROXY_RELAY_PROCESS_SECCOMP_H
#define TPROXY_RELAY_PROCESS_SECCOMP_H

/*
 * For all threads of the process, for good; no thread can be made afterwards.
 * Needs no-new-privileges. 0 or -errno.
 */
int seccomp_enter(void);

#endif
