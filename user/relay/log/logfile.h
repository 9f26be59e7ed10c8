/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the log file, at the start and whenever it is opened again. Must not write to it.
 */
#ifndef TPROXY_RELAY_LOG_LOGFILE_H
#define TPROXY_RELAY_LOG_LOGFILE_H

#include <stdbool.h>

/*
 * Opens path for appending, and creates it with mode 0640 if it is missing. Returns a descriptor
 * with close-on-exec, or -errno. wait: a FIFO may wait for its reader; otherwise one without a
 * reader fails with -ENXIO.
 *
 * If the last part of the path is a symbolic link, root or our user must own the link (otherwise
 * -ELOOP): root must not append to a file that the owner of the directory chooses.
 */
int logfile_open(const char *path, bool wait);

#endif
