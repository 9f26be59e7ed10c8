/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaving the control groups of a login session. Its end may kill every process in them
 * (KillUserProcesses= of logind), whatever session or terminal the process has.
 */
#ifndef TPROXY_LOADER_APP_CGROUP_H
#define TPROXY_LOADER_APP_CGROUP_H

/*
 * Moves this process into a scope of its own in system.slice, if systemd runs and does so
 * within seconds, or else to the root of the hierarchies that sessions are kept in. scope:
 * the scope's name. 0, also where there is nothing to leave; or -errno: it stays in one.
 */
int cgroup_leave(const char *scope);

#endif
