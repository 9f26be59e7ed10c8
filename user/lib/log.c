/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/log.h"

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static const char *program = "tproxy";
static enum log_level threshold = LOG_NORMAL;

/*
 * If a standard descriptor is closed, the next file that is opened gets its number, and messages would
 * be written there. /dev/null in the wrong direction fails like a closed descriptor.
 */
static void occupy_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			return;
}

void log_init(const char *name, enum log_level level)
{
	program = name;
	threshold = level;
	occupy_standard();
}

enum log_level log_level(void)
{
	return threshold;
}

static void emit(const char *prefix, const char *fmt, va_list args)
{
	int saved = errno;

	flockfile(stderr);
	fputs(prefix, stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	funlockfile(stderr);
	errno = saved;
}

static void emit_named(const char *kind, const char *fmt, va_list args)
{
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "%s: %s", program, kind);
	emit(prefix, fmt, args);
}

void log_error(const char *fmt, ...)
{
	va_list args;

	if (threshold < LOG_QUIET)
		return;
	va_start(args, fmt);
	emit_named("", fmt, args);
	va_end(args);
}

void log_warn(const char *fmt, ...)
{
	va_list args;

	if (threshold < LOG_QUIET)
		return;
	va_start(args, fmt);
	emit_named("warning: ", fmt, args);
	va_end(args);
}

void log_info(const char *fmt, ...)
{
	va_list args;

	if (threshold < LOG_NORMAL)
		return;
	va_start(args, fmt);
	emit_named("", fmt, args);
	va_end(args);
}

void log_debug(const char *fmt, ...)
{
	va_list args;

	if (threshold < LOG_DEBUG)
		return;
	va_start(args, fmt);
	emit_named("debug: ", fmt, args);
	va_end(args);
}

void log_step(const char *fmt, ...)
{
	va_list args;

	if (threshold < LOG_NORMAL)
		return;
	va_start(args, fmt);
	emit("[#] ", fmt, args);
	va_end(args);
}

/*
 * What libbpf calls a warning is often expected here (a probe that fails, a map that is absent),
 * and our own error is clearer, so warnings are shown with -v only. The verifier log is one such
 * message.
 */
static int libbpf_line(enum libbpf_print_level level, const char *fmt, va_list args)
{
	enum log_level needed = level == LIBBPF_WARN ? LOG_DEBUG : LOG_TRACE;

	if (threshold < needed)
		return 0;
	return vfprintf(stderr, fmt, args);
}

void log_capture_libbpf(void)
{
	libbpf_set_print(libbpf_line);
}
