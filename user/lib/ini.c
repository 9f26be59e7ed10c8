/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/ini.h"

#include <string.h>

#include "lib/line.h"
#include "lib/util.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

_Static_assert(LINE_MAX_LEN == 1048576, "the error has this number");
#define TOO_LONG "longer than 1048576 bytes (continue it in an indented line)"

struct ini_reader {
	char *line;
	size_t room;
	unsigned int number;
	char *key; /* the previous one of this section, or NULL */
};

static bool is_blank(char c)
{
	return c && strchr(LINE_BLANKS, c);
}

static void cut_comment(char *text)
{
	char *comment = strchr(text, ';');

	while (comment && !is_blank(comment[-1]))
		comment = strchr(comment + 1, ';');
	if (!comment)
		return;
	*comment = '\0';
	line_trim(text);
}

/* "[ADDRESS]:PORT" begins an entry of a list or a pool. */
static bool is_header(const char *text)
{
	const char *end = strchr(text, ']');

	return *text == '[' && !(end && end[1] == ':');
}

static void take_header(struct ini_reader *r, char *text, struct ini_line *line)
{
	char *end = strchr(text, ']');

	free(r->key);
	r->key = NULL;
	if (!end || !strchr(";#", end[1 + strspn(end + 1, LINE_BLANKS)])) {
		line->kind = INI_ERROR;
		line->why = "expected [SECTION]";
		return;
	}
	*end = '\0';
	line->kind = INI_SECTION;
	line->name = line_trim(text + 1);
}

/* The brackets of "[ADDRESS]:PORT = …" are part of the key. */
static int take_key(struct ini_reader *r, const char *text, struct ini_line *line)
{
	const char *bracket = *text == '[' ? strchr(text, ']') : NULL;
	const char *end = strpbrk(bracket ? bracket + 2 : text, "=:");
	char *key;

	if (!end || end == text)
		return 0;
	key = strndup(text, (size_t)(end - text));
	if (!key)
		return -ENOMEM;
	free(r->key);
	r->key = key;
	line->kind = INI_KEY;
	line->name = line_trim(key);
	line->value = end + 1 + strspn(end + 1, LINE_BLANKS);
	return 0;
}

/* text: without the blanks around it, neither empty nor a comment. */
static int take_text(struct ini_reader *r, char *text, struct ini_line *line)
{
	bool indented = text != r->line;

	line->text = text;
	if (is_header(text)) {
		take_header(r, text, line);
		return 0;
	}
	cut_comment(text);
	if (!indented || !r->key || strchr(text, '='))
		return take_key(r, text, line);
	line->kind = INI_CONTINUED;
	line->name = r->key;
	line->value = text;
	return 0;
}

/* Fills in the line; *ret_skip: it is empty or a comment. */
static int read_line(struct ini_reader *r, size_t len, struct ini_line *line, bool *ret_skip)
{
	char *text;

	*line = (struct ini_line){ INI_TEXT, r->number, "", "", "", "" };
	*ret_skip = false;
	if (strlen(r->line) != len) {
		line->kind = INI_ERROR;
		line->why = "NUL byte";
		return 0;
	}
	if (r->number == 1 && !strncmp(r->line, BYTE_ORDER_MARK, 3))
		memmove(r->line, r->line + 3, len - 2);
	text = line_trim(r->line);
	*ret_skip = strchr(";#", *text);
	return *ret_skip ? 0 : take_text(r, text, line);
}

static int report_too_long(const struct ini_reader *r,
			   int (*take)(const struct ini_line *line, void *arg), void *arg)
{
	const struct ini_line line = { INI_ERROR, r->number + 1, "", "", "", TOO_LONG };
	int err = take(&line, arg);

	return err ? err : -EFBIG;
}

int ini_read(FILE *in, int (*take)(const struct ini_line *line, void *arg), void *arg)
{
	struct ini_reader r = { 0 };
	struct ini_line line;
	ssize_t len;
	int err = 0;

	while (!err && (len = line_read(&r.line, &r.room, in)) >= 0) {
		bool skip;

		r.number++;
		err = read_line(&r, (size_t)len, &line, &skip);
		if (!err && !skip)
			err = take(&line, arg);
	}
	if (!err && errno == EFBIG)
		err = report_too_long(&r, take, arg);
	else if (!err && (errno == ENOMEM || ferror(in)))
		err = errno ? -errno : -EIO;
	free(r.line);
	free(r.key);
	return err;
}
