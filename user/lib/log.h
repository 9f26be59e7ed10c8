/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Diagnostics of the command line programs, on stderr: one line each, which begins with the
 * program's name. The output of a command does not come through here.
 */
#ifndef TPROXY_LIB_LOG_H
#define TPROXY_LIB_LOG_H

#include "lib/util.h"

enum log_level {
	LOG_SILENT = -2, /* not even errors */
	LOG_QUIET = -1,
	LOG_NORMAL = 0,
	LOG_DEBUG = 1,
	LOG_TRACE = 2
};

/*
 * name: program name shown before each message; kept by reference. Call it before any file is opened:
 * it sees to it that none gets the number of a standard descriptor.
 */
void log_init(const char *name, enum log_level level);
enum log_level log_level(void);

/* "NAME: WHAT: WHY (NEXT STEP)"; shown at every level, also with -q. */
void log_error(const char *fmt, ...) __printf(1, 2);
void log_warn(const char *fmt, ...) __printf(1, 2);
void log_info(const char *fmt, ...) __printf(1, 2);
void log_debug(const char *fmt, ...) __printf(1, 2);

/* A step that changes the system, shown as "[#] …" unless quiet. */
void log_step(const char *fmt, ...) __printf(1, 2);

/* Prints libbpf's messages, one level lower than libbpf rates them. */
void log_capture_libbpf(void);

#endif
