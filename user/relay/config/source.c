/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of source addresses: their text, and the choice for a destination. */
#include "relay/config/source.h"

#include <stdio.h>
#include <string.h>

#include "lib/line.h"
#include "lib/util.h"

/* Of a prefix that has more addresses, a flow tries these. */
#define OFFERS_OF_PREFIX 4

static const char *const mode_names[] = {
	[SOURCE_OWN] = "own",
	[SOURCE_CLIENT_IP] = "client-ip",
	[SOURCE_CLIENT_IP_PORT] = "client-ip-port",
};

/* ---- text --------------------------------------------------------------- */

static unsigned int host_bits(const struct prefix *p)
{
	return (p->family == AF_INET ? 32 : 128) - p->len;
}

/* What no packet on a network has as its source, or what needs a device besides. */
static bool is_usable(const struct prefix *p)
{
	const uint8_t *a = p->addr;

	if (p->len < 8)
		return false;
	if (p->family == AF_INET)
		return a[0] && a[0] != 127 && a[0] < 224;
	return a[0] && a[0] != 0xff && !(a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

static int add_address(struct source *source, const char *text, const char **ret_why)
{
	struct prefix p;
	int err = parse_prefix(text, &p, ret_why);

	if (err)
		return err;
	prefix_unmap(&p);
	*ret_why =
		"not a usable source: unspecified, loopback, link-local, multicast or shorter than /8";
	if (!is_usable(&p))
		return -EINVAL;
	*ret_why = "the same address twice";
	for (unsigned int i = 0; i < source->count; i++)
		if (!prefix_cmp(&source->addresses[i], &p))
			return -EEXIST;
	*ret_why = "more than 64 addresses and prefixes";
	if (source->count == SOURCE_ADDRESSES_MAX)
		return -E2BIG;
	source->addresses[source->count++] = p;
	return 0;
}

static int parse_addresses(const char *text, struct source *source, const char **ret_why)
{
	__cleanup_free char *copy = strdup(text);
	char *rest = copy, *word;
	int err = copy ? 0 : -ENOMEM;

	while (!err && (word = strsep(&rest, "," LINE_BLANKS)))
		if (*word)
			err = add_address(source, word, ret_why);
	return err;
}

int source_parse(const char *text, struct source *ret_source, const char **ret_why)
{
	struct source source = { .mode = SOURCE_LIST };
	int mode = parse_name(text, mode_names, ARRAY_SIZE(mode_names));
	int err = 0;

	if (mode >= 0) {
		*ret_source = (struct source){ .mode = (enum source_mode)mode };
		return 0;
	}
	*ret_why = "expected own, client-ip, client-ip-port, or addresses of this host";
	if (text[strcspn(text, ".:")])
		err = parse_addresses(text, &source, ret_why);
	if (!err && !source.count)
		err = -EINVAL;
	if (!err)
		*ret_source = source;
	return err;
}

char *source_format(const struct source *source, char buf[SOURCE_TEXT_LEN])
{
	char prefix[PREFIX_TEXT_LEN];

	if (source->mode != SOURCE_LIST)
		snprintf(buf, SOURCE_TEXT_LEN, "%s", mode_names[source->mode]);
	else if (source->count == 1)
		snprintf(buf, SOURCE_TEXT_LEN, "%s", prefix_format(&source->addresses[0], prefix));
	else
		snprintf(buf, SOURCE_TEXT_LEN, "%s and %u more",
			 prefix_format(&source->addresses[0], prefix), source->count - 1);
	return buf;
}

/* ---- choice ------------------------------------------------------------- */

static unsigned int count_of_family(const struct source *source, sa_family_t family)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < source->count; i++)
		n += source->addresses[i].family == family;
	return n;
}

static const struct prefix *nth_of_family(const struct source *source, sa_family_t family,
					  unsigned int n)
{
	for (unsigned int i = 0; i < source->count; i++)
		if (source->addresses[i].family == family && !n--)
			return &source->addresses[i];
	return NULL;
}

/*
 * Not the address of the network and the broadcast address, nor that of all routers (RFC 4291
 * 2.6.1), except where a prefix has no such addresses (RFC 3021, RFC 6164). Of a large IPv6 prefix
 * the lowest 32 bits vary.
 */
static union saddr nth_host(const struct prefix *p, uint32_t n)
{
	unsigned int bits = host_bits(p), end = p->family == AF_INET ? 4 : 16;
	uint32_t all = bits < 31 ? 1U << bits : 1U << 31;
	uint32_t first = bits > 1, last = bits > 1 && p->family == AF_INET;
	uint32_t host = first + n % (all - first - last);
	uint8_t addr[16];

	memcpy(addr, p->addr, sizeof(addr));
	for (unsigned int i = 0; i < 4; i++)
		addr[end - 1 - i] |= (uint8_t)(host >> (8 * i));
	return saddr_from(p->family, addr, 0);
}

/* The port does not count: one server sees one address of a host, whatever it is asked for. */
static uint32_t hash_of(const union saddr *dst)
{
	union saddr host = *dst;

	saddr_set_port(&host, 0);
	return saddr_hash(&host, 0);
}

bool source_offer_next(const struct source *source, const union saddr *dst, unsigned int *n,
		       struct source_offer *ret_offer)
{
	unsigned int count = count_of_family(source, dst->sa.sa_family);
	uint32_t hash = hash_of(dst);

	while (*n < count * OFFERS_OF_PREFIX) {
		unsigned int round = *n / count;
		const struct prefix *p =
			nth_of_family(source, dst->sa.sa_family, (hash + (*n)++) % count);

		if (round && !host_bits(p))
			continue;
		*ret_offer = (struct source_offer){ .addr = nth_host(p, hash / count + round),
						    .routed = host_bits(p) > 0 };
		return true;
	}
	return false;
}
