/* SPDX-License-Identifier: BSD-2-Clause */
/* What `doctor` found, as text and as JSON, and what it knows of problems. Checks nothing. */
#ifndef TPROXY_LOADER_DOCTOR_DOCTOR_PRINT_H
#define TPROXY_LOADER_DOCTOR_DOCTOR_PRINT_H

#include <json-c/json.h>

#include "loader/doctor/examine.h"

void doctor_print_text(const struct examination *e);
/* The caller prints it, or drops the reference. */
struct json_object *doctor_json(const struct examination *e);

/* One problem, or with NULL a line for each. An enum exit_code. */
int doctor_explain(const char *id, bool json);

#endif
