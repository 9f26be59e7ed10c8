/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allows the system calls that a running relay makes, and no others. The kernel kills the process
 * on any other call and logs which one it was.
 */
#ifndef TPROXY_RELAY_PROCESS_SECCOMP_H
#define TPROXY_RELAY_PROCESS_SECCOMP_H

/*
 * For all threads of the process, for good; no thread can be created afterwards. Needs
 * no-new-privileges. 0 or -errno.
 */
int seccomp_enter(void);

#endif
