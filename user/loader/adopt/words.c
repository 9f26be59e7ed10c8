/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/adopt/words.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/mapped.h"
#include "lib/plain.h"

const char *words_protocol(__u8 protocol)
{
	return protocol == IPPROTO_TCP ? "tcp" : "udp";
}

static bool is_any(const __u8 *addr)
{
	static const __u8 any[16];

	return !memcmp(addr, any, sizeof(any));
}

char *words_address(__u8 family, const __u8 *addr, char *buf)
{
	__u8 plain[16];

	if (family == AF_INET && is_any(addr)) {
		snprintf(buf, WORDS_LEN, "0.0.0.0");
		return buf;
	}
	if (!inet_ntop(mapped_to(addr, plain), plain, buf, WORDS_LEN))
		snprintf(buf, WORDS_LEN, "?");
	return buf;
}

char *words_listener(const struct listener *listener, char *buf)
{
	char addr[WORDS_LEN];
	const bool v6 = strchr(words_address(listener->family, listener->addr, addr), ':') != NULL;

	snprintf(buf, WORDS_LEN, "%s %s%s%s:%u", words_protocol(listener->protocol), v6 ? "[" : "",
		 addr, v6 ? "]" : "", listener->port);
	return buf;
}

char *words_record(const struct record *record, char *buf)
{
	char comm[sizeof(record->value.comm)];

	plain_text(record->value.comm, sizeof(comm), comm, sizeof(comm));
	snprintf(buf, WORDS_LEN, "%s, %s port %u", comm, words_protocol(record->key.protocol),
		 record->key.port);
	return buf;
}

/* As tables.c does it: without an address the loopback address of the flow's family is meant. */
struct endpoint words_proxy(const struct listener *listener)
{
	static const __u8 loopback4[4] = { 127, 0, 0, 1 };
	static const __u8 loopback6[16] = { [15] = 1 };
	struct endpoint proxy = { .port = listener->port };
	__u8 addr[16];
	const __u8 family = mapped_to(listener->addr, addr);

	if (is_any(listener->addr) || (family == AF_INET && !memcmp(addr, loopback4, 4)) ||
	    (family == AF_INET6 && !memcmp(addr, loopback6, 16)))
		return proxy;
	proxy.family = family;
	memcpy(proxy.addr, addr, sizeof(proxy.addr));
	return proxy;
}
