/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/ipt/words.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

int words_split(char *line, char **words, int max)
{
	int n = 0;
	char *from = line, *to;

	for (;;) {
		bool quoted = false;

		from += strspn(from, " \t\r\n");
		if (!*from)
			return n;
		if (n == max - 1)
			return -EINVAL;
		words[n++] = to = from;
		for (; *from && (quoted || !strchr(" \t\r\n", *from)); from++) {
			if (*from == '"') {
				quoted = !quoted;
				continue;
			}
			if (*from == '\\' && quoted && from[1])
				from++;
			*to++ = *from;
		}
		if (quoted)
			return -EINVAL;
		if (*from)
			from++;
		*to = '\0';
	}
}
