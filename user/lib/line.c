/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/line.h"

#include <string.h>

#include "lib/util.h"

ssize_t line_read(char **line, size_t *room, FILE *file)
{
	size_t len = 0;
	int c = 0;

	errno = 0;
	while (c != '\n' && (c = getc_unlocked(file)) != EOF) {
		if (len == LINE_MAX_LEN) {
			errno = EFBIG;
			return -1;
		}
		if (array_room((void **)line, len + 1, room, 1)) {
			errno = ENOMEM;
			return -1;
		}
		(*line)[len++] = (char)c;
	}
	if (!len)
		return -1;
	(*line)[len] = '\0';
	return (ssize_t)len;
}

char *line_trim(char *text)
{
	size_t len;

	text += strspn(text, LINE_BLANKS);
	len = strlen(text);
	while (len && strchr(LINE_BLANKS, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}
