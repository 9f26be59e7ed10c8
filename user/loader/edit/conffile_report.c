/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors and warnings of a configuration file: logged, and collected for JSON. */
#include "loader/edit/conffile_report.h"

#include <stdarg.h>

#include "lib/log.h"

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

void conffile_error(const char *file, unsigned int line, const char *text, void *arg)
{
	struct conffile_report *report = arg;

	log_error("%s:%u: %s", file, line, text);
	if (report)
		note(report->errors, file, line, "error", text);
}

void conffile_warning(const char *file, unsigned int line, const char *text, void *arg)
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
	conffile_warning(file, line, text, report);
}
