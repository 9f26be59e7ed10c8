/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/conflict.h"

#include "lib/listeners.h"
#include "lib/util.h"
#include "relay/process/pins.h"
#include "relay/process/slots.h"

#define PATIENCE_MS 1000
#define LOOK_MS 50

static void explain(uint64_t cookie, const char *pin_dir, char *ret_why, size_t size)
{
	struct listeners all __cleanup_listeners = { 0 };
	const struct listener *listener = NULL;
	struct holder holder;
	char who[64] = "";
	int len = 0;

	if (!listeners_read(&all))
		listener = listeners_by_cookie(&all, cookie);
	if (listener && listener_holder(listener, &holder))
		len = snprintf(who, sizeof(who), ", process %d", (int)holder.pid);
	if (listener)
		snprintf(who + len, sizeof(who) - (size_t)len, ", port %u", listener->port);
	snprintf(
		ret_why, size,
		"%s: another relay is registered there%s (stop it, share its flows with --join, or "
		"choose another --pin-dir)",
		pin_dir, who);
}

/* A listener (its cookie) of another relay that is registered where none of ours is, or 0. */
static uint64_t find_other(const struct pins *pins, struct slots *slots)
{
	struct tproxy_config config;

	return pins_read_config(pins, &config) ? 0 : slots_find_other(slots, pins->socks);
}

int conflict_check(const char *pin_dir, const struct listener_set *set, char *ret_why, size_t size)
{
	uint64_t deadline = monotonic_ms() + PATIENCE_MS;
	struct slots slots;
	struct pins pins;
	uint64_t cookie;

	pins_init(&pins, pin_dir);
	slots_init(&slots, set);
	while ((cookie = find_other(&pins, &slots)) && monotonic_ms() < deadline)
		usleep(LOOK_MS * 1000);
	if (!cookie)
		return 0;
	explain(cookie, pin_dir, ret_why, size);
	return -EBUSY;
}
