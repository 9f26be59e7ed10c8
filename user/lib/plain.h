/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that others wrote (names in maps, names of devices) made fit for a terminal: each byte but
 * those of printable ASCII becomes '?', so that it can neither move the cursor nor break a line,
 * and is valid in JSON. Pure.
 */
#ifndef TPROXY_LIB_PLAIN_H
#define TPROXY_LIB_PLAIN_H

#include <stddef.h>
#include <stdint.h>

/*
 * text: at most `len` bytes, which need not end with a zero. Writes at most `size` bytes with the
 * zero; returns buf.
 */
static inline char *plain_text(const void *text, size_t len, char *buf, size_t size)
{
	const char *from = text;
	size_t n = 0;

	for (; n < len && n + 1 < size && from[n]; n++)
		buf[n] = from[n] >= ' ' && from[n] <= '~' ? from[n] : '?';
	if (size)
		buf[n] = '\0';
	return buf;
}

/* The same in its place. */
static inline void plain_make(char *text)
{
	plain_text(text, SIZE_MAX, text, SIZE_MAX);
}

#endif
