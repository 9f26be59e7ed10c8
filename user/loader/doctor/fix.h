/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor --fix: mends what is ours, by the steps of `watch` and `clean`, and writes sysctls that a
 * cure names. Rules, programs and settings of others stay: for them it prints the cure.
 */
#ifndef TPROXY_LOADER_DOCTOR_FIX_H
#define TPROXY_LOADER_DOCTOR_FIX_H

#include "loader/app/app.h"

/* Examines, mends, and examines again. yes: does not ask. Returns the exit code of the last run. */
int doctor_fix(struct app *app, const char *ifname, bool yes);

#endif
