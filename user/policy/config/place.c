/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors and warnings as text. */
#include "policy/config/place.h"

#include <stdarg.h>

#define TEXT_LEN 512

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
	place->report->error(place->file, place->line, text, place->report->arg);
}

void config_warning(const struct config_place *place, const char *fmt, ...)
{
	char text[TEXT_LEN];
	va_list args;

	va_start(args, fmt);
	format(text, fmt, args);
	va_end(args);
	if (place->report->warning)
		place->report->warning(place->file, place->line, text, place->report->arg);
}
