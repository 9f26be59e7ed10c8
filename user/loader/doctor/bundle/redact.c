/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/doctor/bundle/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define HIDDEN "***"
#define BETWEEN_WORDS " \t\n\r,\"'"

/* ---- words -------------------------------------------------------------- */

/* The part of a word to hide; false: none. */
static bool secret_of(const char *word, size_t len, size_t *ret_from, size_t *ret_to)
{
	const char *scheme = memmem(word, len, "://", 3);
	const char *from = scheme ? scheme + 3 : word, *end = word + len;
	const char *at = memrchr(from, '@', (size_t)(end - from));
	const char *colon = memrchr(from, ':', (size_t)(end - from));

	*ret_from = (size_t)(from - word);
	if (at && at > from) {
		*ret_to = (size_t)(at - word);
		return true;
	}
	/* Without '@': a port has digits only, and IPv6 addresses are in brackets. */
	*ret_to = len;
	return scheme && colon && end[-1] != ']' &&
	       colon + 1 + strspn(colon + 1, "0123456789") < end;
}

/* Writes the word to `to`, which may be its place. Returns the length. */
static size_t put_word(char *to, const char *word, size_t len)
{
	size_t from, until, rest;

	if (!secret_of(word, len, &from, &until) || until - from < strlen(HIDDEN)) {
		memmove(to, word, len);
		return len;
	}
	rest = len - until;
	memmove(to, word, from);
	memmove(to + from + strlen(HIDDEN), word + until, rest);
	memcpy(to + from, HIDDEN, strlen(HIDDEN));
	return from + strlen(HIDDEN) + rest;
}

static void redact_words(char *text)
{
	char *to = text;

	while (*text) {
		const size_t gap = strspn(text, BETWEEN_WORDS);
		size_t len;

		memmove(to, text, gap);
		to += gap;
		text += gap;
		len = strcspn(text, BETWEEN_WORDS);
		to += put_word(to, text, len);
		text += len;
	}
	*to = '\0';
}

/* ---- lines "KEY = VALUE" ------------------------------------------------ */

static bool is_secret_key(const char *line, size_t len)
{
	static const char *const parts[] = { "pass", "secret", "token", "credential" };

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		for (size_t k = 0; k + strlen(parts[i]) <= len; k++)
			if (!strncasecmp(line + k, parts[i], strlen(parts[i])))
				return true;
	return false;
}

static void redact_line(char *line)
{
	char *end = line + strcspn(line, "\n"), *equals = memchr(line, '=', (size_t)(end - line));

	if (!equals || memchr(line, '"', (size_t)(equals - line)) ||
	    !is_secret_key(line, (size_t)(equals - line)))
		return;
	for (char *c = equals + 1; c < end; c++)
		if (!isspace((unsigned char)*c))
			*c = '*';
}

void redact(char *text)
{
	for (char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		redact_line(line);
	redact_words(text);
}
