/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/app/shell_word.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SAFE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:@%+,="

static bool is_safe(const char *name)
{
	return *name && !name[strspn(name, SAFE)];
}

char *shell_word(const char *name, char *buf)
{
	char *to = buf;

	if (is_safe(name)) {
		snprintf(buf, SHELL_WORD_LEN, "%s", name);
		return buf;
	}
	*to++ = '\'';
	for (size_t i = 0; name[i] && i < IF_NAMESIZE; i++) {
		if (name[i] == '\'')
			to = stpcpy(to, "'\\'");
		*to++ = name[i];
	}
	*to++ = '\'';
	*to = '\0';
	return buf;
}

static bool ends_word(char c)
{
	return !c || c == ' ' || c == '/' || c == ';' || c == ',' || c == ')';
}

/* The next place where the name is a word of text, or NULL. */
static const char *find_word(const char *text, const char *begin, const char *name)
{
	const size_t len = strlen(name);
	const char *at = begin;

	while ((at = strstr(at, name))) {
		if ((at == text || at[-1] == ' ' || at[-1] == '/') && ends_word(at[len]))
			return at;
		at++;
	}
	return NULL;
}

void shell_quote_name(char *text, size_t size, const char *name)
{
	char old[size], word[SHELL_WORD_LEN];
	const char *from = old, *at;
	size_t len = 0;

	if (!*name || is_safe(name))
		return;
	memcpy(old, text, size);
	shell_word(name, word);
	while (len < size && (at = find_word(old, from, name))) {
		len += (size_t)snprintf(text + len, size - len, "%.*s%s", (int)(at - from), from,
					word);
		from = at + strlen(name);
	}
	if (len < size)
		snprintf(text + len, size - len, "%s", from);
}
