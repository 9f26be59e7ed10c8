/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/sysctl.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

int sysctl_numbers(const char *name, __u64 *values, size_t n)
{
	__cleanup_file FILE *file = NULL;
	char path[PATH_MAX];
	size_t count = 0;
	uint64_t value;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (count < n && fscanf(file, "%" SCNu64, &value) == 1)
		values[count++] = value;
	return (int)count;
}

long sysctl_number(const char *fmt, ...)
{
	char name[PATH_MAX] = "net/";
	const size_t len = strlen(name);
	va_list args;
	__u64 value = 0;

	va_start(args, fmt);
	vsnprintf(name + len, sizeof(name) - len, fmt, args);
	va_end(args);
	return sysctl_numbers(name, &value, 1) == 1 ? (long)value : -1;
}
