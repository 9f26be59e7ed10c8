/* SPDX-License-Identifier: BSD-2-Clause */
/* Adopted sockets in words, the same for every command. Pure. */
#ifndef TPROXY_LOADER_ADOPT_WORDS_H
#define TPROXY_LOADER_ADOPT_WORDS_H

#include "kernel/adopt/records.h"
#include "lib/listeners.h"
#include "lib/parse.h"

#define WORDS_LEN 128

/* "tcp", "udp" */
const char *words_protocol(__u8 protocol);
/* "127.0.0.1", "0.0.0.0", "::"; buf: WORDS_LEN. */
char *words_address(__u8 family, const __u8 *addr, char *buf);
/* "tcp 127.0.0.1:8080"; buf: WORDS_LEN. */
char *words_listener(const struct listener *listener, char *buf);
/* "python3, tcp port 8080"; buf: WORDS_LEN. */
char *words_record(const struct record *record, char *buf);

/*
 * The proxy of a rule that finds this listener, where the port alone does: address of family 0.
 */
struct endpoint words_proxy(const struct listener *listener);

#endif
