/* SPDX-License-Identifier: BSD-2-Clause */
/* One line of a file that may have no end: getline, bounded. */
#ifndef TPROXY_LIB_LINE_H
#define TPROXY_LIB_LINE_H

#include <stdio.h>
#include <sys/types.h>

#define LINE_MAX_LEN (1 << 20)

/*
 * As getline, but a line of more than LINE_MAX_LEN bytes ends the file: -1, and errno is EFBIG.
 * With nothing left to read errno is 0.
 */
ssize_t line_read(char **line, size_t *room, FILE *file);

#endif
