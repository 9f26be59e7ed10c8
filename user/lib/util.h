/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cleanup attributes, ownership transfer and small helpers used everywhere. Knows nothing about
 * tproxy. A function must not jump past a cleanup variable with goto: clang refuses it, gcc may be
 * silent.
 */
#ifndef TPROXY_LIB_UTIL_H
#define TPROXY_LIB_UTIL_H

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define __cleanup_close __attribute__((cleanup(cleanup_fd)))
#define __cleanup_free __attribute__((cleanup(cleanup_free)))
#define __cleanup_file __attribute__((cleanup(cleanup_file)))
#define __cleanup_dir __attribute__((cleanup(cleanup_dir)))
#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))

/* CLOCK_MONOTONIC, like bpf_ktime_get_ns(). */
static inline uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static inline uint64_t monotonic_ms(void)
{
	return monotonic_ns() / 1000000;
}

/* Moves a descriptor out of a __cleanup_close variable; the caller owns the result. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/*
 * Makes room for one more item of `size` bytes in a growing array of n items. 0 or -ENOMEM, which
 * leaves the array unchanged.
 */
static inline int array_room(void **items, size_t n, size_t *room, size_t size)
{
	size_t want = *room ? *room * 2 : 16;
	void *more;

	if (n < *room)
		return 0;
	more = reallocarray(*items, want, size);
	if (!more)
		return -ENOMEM;
	*items = more;
	*room = want;
	return 0;
}

/* For a sequence that continues after an error and returns the first one. */
static inline int first_error(int first, int err)
{
	return first ? first : err;
}

/* Moves a pointer out of a __cleanup_free variable; the caller owns the result. */
#define take_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

#endif
