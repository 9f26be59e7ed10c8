/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/scope.h"

#include <sys/socket.h>

#include "lib/util.h"

/* ip_route_input_slow, fib_validate_source and ip6_forward of the kernel. */
static const struct {
	struct prefix prefix;
	const char *why;
} never_forwarded[] = {
	{ { .family = AF_INET, .len = 32 }, "the unspecified address" },
	{ { .family = AF_INET, .len = 8, .addr = { 127 } }, "loopback (127.0.0.0/8)" },
	{ { .family = AF_INET, .len = 4, .addr = { 224 } }, "multicast (224.0.0.0/4)" },
	{ { .family = AF_INET, .len = 32, .addr = { 255, 255, 255, 255 } },
	  "the limited broadcast address" },
	{ { .family = AF_INET6, .len = 128 }, "the unspecified address" },
	{ { .family = AF_INET6, .len = 128, .addr = { [15] = 1 } }, "loopback (::1)" },
	{ { .family = AF_INET6, .len = 8, .addr = { 0xff } }, "multicast (ff00::/8)" },
	{ { .family = AF_INET6, .len = 10, .addr = { 0xfe, 0x80 } }, "link-local (fe80::/10)" },
};

const char *scope_never_forwarded(const struct prefix *prefix)
{
	for (size_t i = 0; i < ARRAY_SIZE(never_forwarded); i++)
		if (prefix_covers(&never_forwarded[i].prefix, prefix))
			return never_forwarded[i].why;
	return NULL;
}

bool scope_rule_is_dead(const struct rule *rule)
{
	for (size_t i = 0; i < rule->to.n; i++)
		if (!scope_never_forwarded(&rule->to.items[i]))
			return false;
	return rule->to.n > 0;
}

bool scope_names_link_local(const struct policy *policy)
{
	static const struct prefix link_local = { .family = AF_INET,
						  .len = 16,
						  .addr = { 169, 254 } };

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &policy->rules[i];

		if (!rule_is_proxy(rule))
			continue;
		for (size_t j = 0; j < rule->to.n; j++)
			if (prefix_covers(&link_local, &rule->to.items[j]))
				return true;
	}
	return false;
}
