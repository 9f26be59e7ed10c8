/* SPDX-License-Identifier: BSD-2-Clause */
/* getline with a bound, for files that may have a line without an end. */
#ifndef TPROXY_LIB_LINE_H
#define TPROXY_LIB_LINE_H

#include <stdio.h>
#include <sys/types.h>

#define LINE_MAX_LEN (1 << 20)

/*
 * Like getline, but a line of more than LINE_MAX_LEN bytes ends the file: -1, and errno is EFBIG.
 * At the end of the file errno is 0.
 */
ssize_t line_read(char **line, size_t *room, FILE *file);

#endif
