/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of a bundle about the host: each reads the kernel and writes text. Changes nothing. */
#ifndef TPROXY_LOADER_DOCTOR_BUNDLE_BUNDLE_HOST_H
#define TPROXY_LOADER_DOCTOR_BUNDLE_BUNDLE_HOST_H

#include <stdio.h>

#include "loader/doctor/examine.h"

void bundle_versions(FILE *out, struct examination *e);
void bundle_maps(FILE *out, struct examination *e);
void bundle_interfaces(FILE *out, struct examination *e);
void bundle_routing(FILE *out, struct examination *e);
void bundle_firewall(FILE *out, struct examination *e);
void bundle_sysctls(FILE *out, struct examination *e);
void bundle_listeners(FILE *out, struct examination *e);

#endif
