/* SPDX-License-Identifier: BSD-2-Clause */
/* Test Anything Protocol: one line for each check, the plan at the end. */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
	unsigned int count, failed;
} tap;

/* "not ok" or "ok", with the number and the name; returns what it was given. */
static inline bool tap_ok(bool ok, const char *name)
{
	tap.count++;
	tap.failed += !ok;
	printf("%sok %u - %s\n", ok ? "" : "not ", tap.count, name);
	return ok;
}

static inline void __attribute__((format(printf, 1, 2))) tap_comment(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("# ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
}

static inline int tap_done(void)
{
	printf("1..%u\n", tap.count);
	return tap.failed ? 1 : 0;
}

static inline void __attribute__((noreturn)) tap_skip_all(const char *reason)
{
	printf("1..0 # SKIP %s\n", reason);
	exit(0);
}

/* The environment of the tests could not be set up. */
static inline void __attribute__((noreturn, format(printf, 1, 2))) tap_bail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("Bail out! ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	exit(1);
}

#endif
