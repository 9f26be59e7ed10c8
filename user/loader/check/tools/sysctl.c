/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/sysctl.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>

long sysctl_number(const char *fmt, ...)
{
	__cleanup_file FILE *file = NULL;
	char path[PATH_MAX] = "/proc/sys/net/";
	const size_t len = strlen(path);
	long value = -1;
	va_list args;

	va_start(args, fmt);
	vsnprintf(path + len, sizeof(path) - len, fmt, args);
	va_end(args);
	file = fopen(path, "re");
	return file && fscanf(file, "%ld", &value) == 1 ? value : -1;
}
