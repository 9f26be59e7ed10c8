/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names in commands that an operator copies into a shell. An interface may have any name without
 * '/', ':' and blanks. Pure.
 */
#ifndef TPROXY_LOADER_APP_SHELL_WORD_H
#define TPROXY_LOADER_APP_SHELL_WORD_H

#include <net/if.h>
#include <stddef.h>

/* In quotes, where each quote of the name takes four characters. */
#define SHELL_WORD_LEN (4 * IF_NAMESIZE + 3)

/* The name of an interface as one word of a shell: as it is, if that is safe. Returns buf. */
char *shell_word(const char *name, char *buf);
/*
 * Puts shell_word(name) in the place of the name wherever it is a word, or a part of a path, of
 * text. What has no room in `size` is cut off.
 */
void shell_quote_name(char *text, size_t size, const char *name);

#endif
