/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one table of checks. They answer two questions, each time from the kernel: can a packet get
 * past us, and does a steered packet arrive? `status`, `test`, `attach` and `watch` run them all.
 * Each is a function of list.h and appends to a list of problems (problem.h). Checks change and
 * repair nothing.
 */
#ifndef TPROXY_LOADER_CHECK_CHECKS_H
#define TPROXY_LOADER_CHECK_CHECKS_H

#include "loader/check/tools/checkup.h"

/* All checks, of one interface and of what belongs to none, or with NULL of all interfaces. */
void checks_run(struct checkup *c, const char *ifname);

#endif
