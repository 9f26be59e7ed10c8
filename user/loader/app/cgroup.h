/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaves the control groups of a login session, whose end may kill all processes in them
 * (KillUserProcesses= of logind), also those in another session or without its terminal.
 */
#ifndef TPROXY_LOADER_APP_CGROUP_H
#define TPROXY_LOADER_APP_CGROUP_H

/*
 * Moves this process into a scope of its own in system.slice, if systemd runs and does so within
 * seconds, else to the root of the hierarchies that have sessions. scope: the name of the scope.
 * 0, also if there is nothing to leave, or -errno: the process stays in a group.
 */
int cgroup_leave(const char *scope);

#endif
