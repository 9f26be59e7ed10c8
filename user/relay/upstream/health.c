/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/upstream/health.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "relay/log/record.h"

#define UNTIL_CHECKED UINT64_MAX

static bool carries(const struct proxy *proxy, int proto)
{
	return proto == IPPROTO_TCP || proxy->kind != PROXY_HTTP;
}

static bool is_up(const struct upstream_entry *entry, uint64_t now)
{
	return now >= atomic_load_explicit(&entry->down_until, memory_order_relaxed);
}

const struct proxy *health_choose(const struct egress *egress, int proto, uint64_t now,
				  const char **ret_reason)
{
	const struct upstreams *list = &egress->upstreams;
	bool any = false;

	for (unsigned int i = 0; i < list->count; i++) {
		const struct proxy *proxy = &list->items[i].proxy;

		any |= carries(proxy, proto);
		if (carries(proxy, proto) && is_up(&list->items[i], now))
			return proxy;
	}
	/* Datagrams must not go past a proxy that takes all flows. */
	*ret_reason = any ? "upstream-down" : "no-udp-upstream";
	return NULL;
}

/* ---- changes ------------------------------------------------------------ */

static struct upstream_entry *find_entry(struct upstreams *list, const struct proxy *proxy)
{
	for (unsigned int i = 0; i < list->count; i++)
		if (proxy_equal(&list->items[i].proxy, proxy))
			return &list->items[i];
	return NULL;
}

/* "[egress NAME]", or "[relay]" for the keys there. */
static void format_section(const struct egress *egress, char *text, size_t size)
{
	if (egress->name[0])
		snprintf(text, size, "[egress %s]", egress->name);
	else
		snprintf(text, size, "[relay]");
}

static void say_down(const struct egress *egress, const struct proxy *proxy, int err)
{
	char section[TPROXY_NAME_LEN + 16], url[UPSTREAMS_TEXT_LEN];

	format_section(egress, section, sizeof(section));
	record_say(RECORD_WARN, "%s: upstream %s is down: %s (%s)", section,
		   upstreams_format(proxy, url), strerror(err),
		   egress->upstreams.count > 1 ? "new flows take the next one that works" :
						 "new flows are refused until it answers");
}

static void say_up(const struct egress *egress, const struct proxy *proxy)
{
	char section[TPROXY_NAME_LEN + 16], url[UPSTREAMS_TEXT_LEN];

	format_section(egress, section, sizeof(section));
	record_say(RECORD_INFO, "%s: upstream %s is up again", section,
		   upstreams_format(proxy, url));
}

/* Errors that are about the way to a host, or about the host. */
static bool blames_peer(int err)
{
	return err == ECONNREFUSED || err == ECONNRESET || err == ETIMEDOUT || err == EPROTO ||
	       err == EHOSTUNREACH || err == ENETUNREACH || err == EHOSTDOWN || err == ENODEV ||
	       err == ENETDOWN || err == EACCES;
}

bool health_failed(struct egress *egress, const struct proxy *proxy, int err, uint64_t now)
{
	struct upstream_entry *entry = find_entry(&egress->upstreams, proxy);
	uint64_t until = egress->upstreams.check ? UNTIL_CHECKED : now + HEALTH_RETRY_MS;

	if (!entry || proxy->kind == PROXY_NONE || !blames_peer(err) ||
	    !upstreams_have_health(&egress->upstreams))
		return false;
	/* One of the threads says so. */
	if (!atomic_exchange(&entry->down_until, until))
		say_down(egress, proxy, err);
	return true;
}

void health_works(struct egress *egress, const struct proxy *proxy)
{
	struct upstream_entry *entry = find_entry(&egress->upstreams, proxy);

	/* Nearly always it was up, and nothing is written. */
	if (entry && atomic_load_explicit(&entry->down_until, memory_order_relaxed) &&
	    atomic_exchange(&entry->down_until, 0))
		say_up(egress, proxy);
}

/* ---- new settings ------------------------------------------------------- */

static const struct egress *find_egress(const struct egress_list *list, const struct egress *like)
{
	if (!like->name[0])
		return &list->other;
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->items[i].name, like->name))
			return &list->items[i];
	return NULL;
}

static void inherit(struct egress *to, const struct egress_list *from)
{
	const struct egress *old = find_egress(from, to);

	for (unsigned int i = 0; old && i < old->upstreams.count; i++) {
		const struct upstream_entry *was = &old->upstreams.items[i];
		struct upstream_entry *entry = find_entry(&to->upstreams, &was->proxy);

		/* "Until checked" would last for ever if there are no checks any more. */
		if (entry && to->upstreams.check)
			entry->down_until = was->down_until;
	}
}

void health_inherit(struct egress_list *to, const struct egress_list *from)
{
	inherit(&to->other, from);
	for (size_t i = 0; i < to->count; i++)
		inherit(&to->items[i], from);
}
