/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of a text file: getline with a bound, as a file may have no end of line; trimming. */
#ifndef TPROXY_LIB_LINE_H
#define TPROXY_LIB_LINE_H

#include <stdio.h>
#include <sys/types.h>

#define LINE_MAX_LEN (1 << 20)
#define LINE_BLANKS " \t\r\n\v\f"

/*
 * Like getline, but a line of more than LINE_MAX_LEN bytes ends the file: -1, and errno is EFBIG.
 * At the end of the file errno is 0.
 */
ssize_t line_read(char **line, size_t *room, FILE *file);

/* Cuts off the blanks at the end, in place. Returns where the blanks at the beginning end. */
char *line_trim(char *text);

#endif
