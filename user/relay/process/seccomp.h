/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allows the system calls that a running relay makes, and no others. The kernel kills the process
 * on any other call and logs which one it was. The helper has a filter of its own.
 */
#ifndef TPROXY_RELAY_PROCESS_SECCOMP_H
#define TPROXY_RELAY_PROCESS_SECCOMP_H

/*
 * For all threads of the process, for good; no thread can be created afterwards. Needs
 * no-new-privileges. 0 or -errno.
 */
int seccomp_enter(void);

/*
 * For the helper, which is root: it starts no process, reads no other's memory, and changes neither
 * namespaces, mounts, modules nor users. Such calls fail with EPERM. 0 or -errno.
 */
int seccomp_enter_helper(void);

#endif
