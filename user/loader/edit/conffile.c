/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/edit/conffile.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "loader/edit/review.h"
#include "relay/config/section.h"

static void note(struct json_object *array, const char *file, unsigned int line, const char *key,
		 const char *text)
{
	struct json_object *object;

	if (!array)
		return;
	object = json_object_new_object();
	json_object_object_add(object, "file", json_object_new_string(file));
	json_object_object_add(object, "line", json_object_new_int64(line));
	json_object_object_add(object, key, json_object_new_string(text));
	json_object_array_add(array, object);
}

static void on_error(const char *file, unsigned int line, const char *text, void *arg)
{
	struct conffile_report *report = arg;

	log_error("%s:%u: %s", file, line, text);
	if (report)
		note(report->errors, file, line, "error", text);
}

static void on_warning(const char *file, unsigned int line, const char *text, void *arg)
{
	struct conffile_report *report = arg;

	log_warn("%s:%u: %s", file, line, text);
	report->n_warnings++;
	note(report->warnings, file, line, "warning", text);
}

void conffile_warn(struct conffile_report *report, const char *file, unsigned int line,
		   const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	on_warning(file, line, text, report);
}

const char *conffile_name(const char *path)
{
	return strcmp(path, "-") ? path : "stdin";
}

static int open_path(const char *path, FILE **ret_file)
{
	FILE *file;
	struct stat st;

	if (!strcmp(path, "-")) {
		*ret_file = fdopen(dup(STDIN_FILENO), "r");
		return *ret_file ? 0 : -errno;
	}
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (!fstat(fileno(file), &st) && S_ISDIR(st.st_mode)) {
		fclose(file);
		return -EISDIR;
	}
	*ret_file = file;
	return 0;
}

static int finish_on_host(void *arg, char *ret_why, size_t size)
{
	int err = options_check_whole(arg, ret_why, size);

	return err ? err : relay_section_fits_host(arg, ret_why, size);
}

static int read_open(const char *name, FILE *file, struct conffile_report *report,
		     struct config *ret_config)
{
	struct options options __cleanup_options = { 0 };
	struct config_relay relay = relay_section(&options);
	const struct config_reader reader = { .name = name,
					      .relay = &relay,
					      .error = on_error,
					      .warning = report ? on_warning : NULL,
					      .arg = report };
	int err = options_defaults(&options);

	options.config = name;
	if (report && report->of_host)
		relay.finish = finish_on_host;
	return err ? err : config_read(&reader, file, ret_config);
}

int conffile_read(const char *path, struct conffile_report *report, struct config *ret_config)
{
	const char *name = conffile_name(path);
	__cleanup_file FILE *file = NULL;
	int err = open_path(path, &file);

	if (err) {
		log_error("%s: cannot be read: %s", path, strerror(-err));
		return err;
	}
	err = read_open(name, file, report, ret_config);
	if (!err && report)
		review_config(report, name, ret_config);
	if (err && err != -EINVAL)
		log_error("%s: cannot be read: %s", path, strerror(-err));
	return err;
}

struct conffile_size conffile_size(const struct policy *policy)
{
	struct conffile_size size = { 0 };

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		size.rules += policy->rules[i].used;
		size.prefixes += policy->rules[i].to.n + policy->rules[i].from.n;
	}
	return size;
}
