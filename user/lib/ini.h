/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines of an INI file. Decides the kind of each line: the header of a section, a key with
 * its value, the continuation of a value, or none of these. Must not know which sections and keys
 * exist.
 *
 * A comment begins with ';' or '#' at the start of a line, or with ';' after a blank. A byte
 * order mark (UTF-8) before the first line and a carriage return at the end of a line are
 * skipped. Headers and keys may be indented.
 */
#ifndef TPROXY_LIB_INI_H
#define TPROXY_LIB_INI_H

#include <stdio.h>

enum ini_kind {
	INI_SECTION,   /* [NAME] */
	INI_KEY,       /* NAME = VALUE, also NAME: VALUE */
	INI_CONTINUED, /* indented and without '=': VALUE is more for the previous key, NAME */
	INI_TEXT,      /* none of these: TEXT only */
	INI_ERROR,     /* WHY says what is wrong with TEXT */
};

/* Valid during the call. Members that a kind does not have are "". */
struct ini_line {
	enum ini_kind kind;
	unsigned int number; /* from 1 */
	const char *text;    /* the line without its comment and the blanks around it */
	const char *name, *value;
	const char *why;
};

/*
 * Calls take for every line that is neither empty nor a comment, until it returns something
 * other than 0. Returns that, or 0 at the end of the file; -ENOMEM; -EFBIG after a line of more
 * than LINE_MAX_LEN bytes (lib/line.h), which take gets as an INI_ERROR; another -errno if the
 * file cannot be read.
 */
int ini_read(FILE *in, int (*take)(const struct ini_line *line, void *arg), void *arg);

#endif
