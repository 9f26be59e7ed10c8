/* SPDX-License-Identifier: BSD-2-Clause */
/* A frame on standard output: as a table (print.c), and as one JSON object (print_json.c). */
#ifndef TPROXY_LOADER_TOP_PRINT_H
#define TPROXY_LOADER_TOP_PRINT_H

#include "loader/top/frame.h"

/* At most `limit` rows. */
void top_print_text(const struct top_choice *choice, size_t limit);
/* Returns an enum exit_code. */
int top_print_json(const struct top_choice *choice, size_t limit);

#endif
