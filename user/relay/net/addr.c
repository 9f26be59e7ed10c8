/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/addr.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/textbuf.h"

union saddr saddr_from(sa_family_t family, const void *addr, uint16_t port)
{
	union saddr a;

	memset(&a, 0, sizeof(a));
	if (family == AF_INET6 && !mapped_is(addr)) {
		a.sa.sa_family = AF_INET6;
		memcpy(&a.v6.sin6_addr, addr, sizeof(a.v6.sin6_addr));
	} else {
		a.sa.sa_family = AF_INET;
		memcpy(&a.v4.sin_addr,
		       (const uint8_t *)addr + (family == AF_INET6 ? MAPPED_LEN : 0),
		       sizeof(a.v4.sin_addr));
	}
	saddr_set_port(&a, port);
	return a;
}

union saddr saddr_loopback(sa_family_t family, uint16_t port)
{
	union saddr a;

	memset(&a, 0, sizeof(a));
	a.sa.sa_family = family;
	if (family == AF_INET)
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a.v6.sin6_addr = in6addr_loopback;
	saddr_set_port(&a, port);
	return a;
}

union saddr saddr_client(const union saddr *a, uint8_t prefix6)
{
	union saddr client = *a;
	uint8_t *bytes = client.v6.sin6_addr.s6_addr;

	saddr_set_port(&client, 0);
	if (client.sa.sa_family != AF_INET6)
		return client;
	client.v6.sin6_flowinfo = 0;
	for (unsigned int i = 0; i < 16; i++)
		if (prefix6 < i * 8 + 8)
			bytes[i] &= prefix6 <= i * 8 ? 0 : (uint8_t)(0xff << (i * 8 + 8 - prefix6));
	return client;
}

bool saddr_equal(const union saddr *a, const union saddr *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr &&
		       a->v4.sin_port == b->v4.sin_port;
	return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
	       !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr));
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return x ^ (x >> 32);
}

uint32_t saddr_hash(const union saddr *a, uint32_t seed)
{
	uint64_t words[2];

	if (a->sa.sa_family == AF_INET)
		return (uint32_t)mix(mix(seed ^ ((uint64_t)a->v4.sin_addr.s_addr << 16)) +
				     a->v4.sin_port);
	memcpy(words, &a->v6.sin6_addr, sizeof(words));
	return (uint32_t)mix(mix(mix(seed ^ words[0]) + words[1]) + a->v6.sin6_port);
}

static void add_host(struct textbuf *t, const union saddr *a)
{
	const uint8_t *v4 = (const uint8_t *)&a->v4.sin_addr;

	if (a->sa.sa_family == AF_INET) {
		for (int i = 0; i < 4; i++) {
			textbuf_add_bytes(t, ".", i > 0);
			textbuf_add_number(t, v4[i]);
		}
		return;
	}
	/* libc shortens addresses (RFC 5952). */
	if (inet_ntop(AF_INET6, &a->v6.sin6_addr, t->buf + t->len, (socklen_t)(t->size - t->len)))
		t->len += strlen(t->buf + t->len);
	if (a->v6.sin6_scope_id) {
		textbuf_add(t, "%");
		textbuf_add_number(t, a->v6.sin6_scope_id);
	}
}

char *saddr_format_host(const union saddr *a, char *buf)
{
	struct textbuf t = { .buf = buf, .size = SADDR_TEXT_LEN - 1 };

	add_host(&t, a);
	buf[t.len] = '\0';
	return buf;
}

char *saddr_format(const union saddr *a, char *buf)
{
	struct textbuf t = { .buf = buf, .size = SADDR_TEXT_LEN - 1 };
	bool v4 = a->sa.sa_family == AF_INET;

	textbuf_add_bytes(&t, "[", !v4);
	add_host(&t, a);
	textbuf_add(&t, v4 ? ":" : "]:");
	textbuf_add_number(&t, saddr_port(a));
	buf[t.len] = '\0';
	return buf;
}
