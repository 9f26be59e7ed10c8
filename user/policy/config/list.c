/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/config/list.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/line.h"
#include "policy/scope.h"
#include "lib/util.h"

#define BLANKS " \t\r\n"

#define TEXT_LEN 512

/* What stands in the file is shown, but may not steer a terminal, or spoil JSON. */
static void format(char *text, const char *fmt, va_list args)
{
	vsnprintf(text, TEXT_LEN, fmt, args);
	for (char *p = text; *p; p++)
		if (*p < ' ' || *p >= 0x7f)
			*p = '?';
}

void config_error(struct config_place *place, const char *fmt, ...)
{
	char text[TEXT_LEN];
	va_list args;

	va_start(args, fmt);
	format(text, fmt, args);
	va_end(args);
	place->errors++;
	place->reader->error(place->file, place->line, text, place->reader->arg);
}

void config_warning(const struct config_place *place, const char *fmt, ...)
{
	char text[TEXT_LEN];
	va_list args;

	va_start(args, fmt);
	format(text, fmt, args);
	va_end(args);
	if (place->reader->warning)
		place->reader->warning(place->file, place->line, text, place->reader->arg);
}

int config_words(const char *value, int (*fn)(const char *word, void *arg), void *arg)
{
	__cleanup_free char *copy = strdup(value);
	char *rest = copy;
	char *word;

	if (!copy)
		return -ENOMEM;
	while ((word = strsep(&rest, "," BLANKS))) {
		int err = *word ? fn(word, arg) : 0;

		if (err == -ENOMEM)
			return err;
	}
	return 0;
}

static int take_prefix(struct config_place *place, const char *text, struct prefix_set *set)
{
	struct prefix prefix;
	const char *why;

	if (parse_prefix(text, &prefix, &why)) {
		config_error(place, "%.80s: %s", text, why);
		return 0;
	}
	why = place->destinations ? scope_never_forwarded(&prefix) : NULL;
	if (why)
		config_warning(place, "%.80s: never matches: Linux does not forward %s", text, why);
	return prefix_set_append(set, &prefix);
}

/* A relative list belongs to the file that names it, whatever the working directory is. */
static int list_path(const struct config_place *place, const char *name, char *buf)
{
	const char *slash = strrchr(place->file, '/');
	int len;

	if (*name == '/' || !slash)
		len = snprintf(buf, PATH_MAX, "%s", name);
	else
		len = snprintf(buf, PATH_MAX, "%.*s/%s", (int)(slash - place->file), place->file,
			       name);
	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* A FIFO or a device would have us wait for ever. */
static FILE *open_list(const char *path)
{
	__cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	FILE *file;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return NULL;
	}
	file = fdopen(fd, "r");
	if (file)
		take_fd(&fd);
	return file;
}

static int read_lines(struct config_place *place, FILE *file, struct prefix_set *set)
{
	__cleanup_free char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int err = 0;

	while (!err && (len = line_read(&line, &room, file)) >= 0) {
		char *text;

		place->line++;
		if (strlen(line) != (size_t)len) {
			config_error(place, "NUL byte in a list of prefixes");
			continue;
		}
		line[strcspn(line, "#;")] = '\0';
		text = line + strspn(line, BLANKS);
		for (char *end = text + strlen(text); end > text && strchr(BLANKS, end[-1]);)
			*--end = '\0';
		if (*text)
			err = take_prefix(place, text, set);
	}
	if (!err && (ferror(file) || errno == EFBIG))
		config_error(place, "cannot be read: %s", strerror(errno));
	return err;
}

static int read_list(struct config_place *place, const char *name, struct prefix_set *set)
{
	__cleanup_file FILE *file = NULL;
	struct config_place inner = { .reader = place->reader,
				      .destinations = place->destinations };
	char path[PATH_MAX];
	int err;

	if (place->reader->no_lists) {
		config_error(place, "@%.80s: lists in files are not read here", name);
		return 0;
	}
	err = list_path(place, name, path);
	if (!err) {
		file = open_list(path);
		err = file ? 0 : -errno;
	}
	if (err) {
		config_error(place, "@%.200s: %s", name, strerror(-err));
		return 0;
	}
	inner.file = path;
	err = read_lines(&inner, file, set);
	place->errors += inner.errors;
	return err;
}

int config_prefix_word(struct config_place *place, const char *word, struct prefix_set *set)
{
	if (!strcmp(word, "all"))
		return prefix_set_add_all(set);
	if (!strcmp(word, "none"))
		return 0;
	return *word == '@' ? read_list(place, word + 1, set) : take_prefix(place, word, set);
}
