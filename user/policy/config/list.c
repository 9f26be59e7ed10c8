/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists in a value or in a file of their own, one entry a line. */
#include "policy/config/list.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/line.h"

/* What a list goes to. */
struct taker {
	enum config_lists lists;
	config_entry_fn *take;
	void *arg;
};

int config_words(struct config_place *place, const char *value, config_entry_fn *take, void *arg)
{
	__cleanup_free char *copy = strdup(value);
	char *rest = copy;
	char *word;
	int err = copy ? 0 : -ENOMEM;

	while (!err && (word = strsep(&rest, "," LINE_BLANKS)))
		if (*word)
			err = take(place, word, arg);
	return err;
}

static int list_path(const struct config_place *place, const char *name, char *buf)
{
	const char *slash = *name == '/' ? NULL : strrchr(place->file, '/');
	int len = slash ? (int)(slash - place->file) + 1 : 0;

	len = snprintf(buf, PATH_MAX, "%.*s%s", len, place->file, name);
	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* NULL with *ret_why. A FIFO or a device would keep us waiting. */
static FILE *open_list(const char *path, const char **ret_why)
{
	__cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	FILE *file;

	if (fd >= 0 && !fstat(fd, &st) && !S_ISREG(st.st_mode)) {
		*ret_why = "not a regular file";
		return NULL;
	}
	file = fd < 0 ? NULL : fdopen(fd, "r");
	*ret_why = strerror(errno);
	if (file)
		take_fd(&fd);
	return file;
}

static int take_line(struct config_place *place, char *line, size_t len, const struct taker *t)
{
	char *text;

	if (strlen(line) != len) {
		config_error(place, "NUL byte");
		return 0;
	}
	line[strcspn(line, "#;")] = '\0';
	text = line_trim(line);
	return *text ? t->take(place, text, t->arg) : 0;
}

static int read_lines(struct config_place *place, FILE *file, const struct taker *t)
{
	__cleanup_free char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int err = 0;

	while (!err && (len = line_read(&line, &room, file)) >= 0) {
		place->line++;
		err = take_line(place, line, (size_t)len, t);
	}
	if (!err && errno == ENOMEM)
		return -ENOMEM;
	if (!err && errno == EFBIG) {
		place->line++;
		config_error(place, "longer than %d bytes (one entry a line)", LINE_MAX_LEN);
	} else if (!err && ferror(file)) {
		config_error(place, "cannot be read: %s", strerror(errno));
	}
	return err;
}

static int read_list(struct config_place *place, const char *name, const struct taker *t)
{
	__cleanup_file FILE *file = NULL;
	char path[PATH_MAX];
	struct config_place inner = { .report = place->report, .file = path };
	const char *why = strerror(ENAMETOOLONG);
	int err;

	if (!list_path(place, name, path))
		file = open_list(path, &why);
	if (!file) {
		config_error(place, "@%.200s: cannot be read: %s", name, why);
		return 0;
	}
	err = read_lines(&inner, file, t);
	place->errors += inner.errors;
	return err;
}

static int take_word(struct config_place *place, const char *word, void *arg)
{
	const struct taker *t = arg;

	if (*word != '@')
		return t->take(place, word, t->arg);
	if (t->lists == CONFIG_LISTS_REFUSE)
		config_error(place, "@%.80s: lists in files are not read here", word + 1);
	return t->lists == CONFIG_LISTS_READ ? read_list(place, word + 1, t) : 0;
}

int config_list(struct config_place *place, enum config_lists lists, const char *value,
		config_entry_fn *take, void *arg)
{
	struct taker taker = { lists, take, arg };

	return config_words(place, value, take_word, &taker);
}
