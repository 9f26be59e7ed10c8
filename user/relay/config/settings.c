/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/config/settings.h"

#include <string.h>

#include "lib/parse.h"
#include "lib/util.h"
#include "relay/config/options.h"

struct settings *settings_new(void)
{
	struct settings *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->users = 1;
	s->limits = (struct limit_values)LIMITS_DEFAULT;
	return s;
}

struct settings *settings_ref(struct settings *s)
{
	atomic_fetch_add(&s->users, 1);
	return s;
}

void settings_unref(struct settings *s)
{
	if (!s || atomic_fetch_sub(&s->users, 1) != 1)
		return;
	access_free(&s->access);
	poolmap_free(&s->pools);
	free(s);
}

int settings_set_allow(struct options *o, const char *value, const char **ret_why)
{
	return access_add(&o->settings->access, ACCESS_ALLOW, o->config, value, ret_why);
}

int settings_set_deny(struct options *o, const char *value, const char **ret_why)
{
	return access_add(&o->settings->access, ACCESS_DENY, o->config, value, ret_why);
}

int settings_set_allow_from(struct options *o, const char *value, const char **ret_why)
{
	return access_add(&o->settings->access, ACCESS_ALLOW_FROM, o->config, value, ret_why);
}

int settings_set_deny_from(struct options *o, const char *value, const char **ret_why)
{
	return access_add(&o->settings->access, ACCESS_DENY_FROM, o->config, value, ret_why);
}

/* 0 lifts a limit, so that a later place can undo an earlier one. */
static int set_count(uint32_t *count, const char *value, const char **ret_why)
{
	*ret_why = "expected 0 to 1000000, 0 for no limit";
	return parse_u32(value, 0, 1000000, count, &(const char *){ NULL });
}

int settings_set_max_flows(struct options *o, const char *value, const char **ret_why)
{
	return set_count(&o->settings->limits.max_flows, value, ret_why);
}

int settings_set_max_flows_per_source(struct options *o, const char *value, const char **ret_why)
{
	return set_count(&o->settings->limits.max_flows_per_source, value, ret_why);
}

int settings_set_flow_rate(struct options *o, const char *value, const char **ret_why)
{
	return set_count(&o->settings->limits.flow_rate, value, ret_why);
}

int settings_set_flow_rate_per_source(struct options *o, const char *value, const char **ret_why)
{
	return set_count(&o->settings->limits.flow_rate_per_source, value, ret_why);
}

int settings_set_source_prefix6(struct options *o, const char *value, const char **ret_why)
{
	uint32_t bits;

	*ret_why = "expected 1 to 128";
	if (parse_u32(value, 1, 128, &bits, &(const char *){ NULL }))
		return -EINVAL;
	o->settings->limits.source_prefix6 = (uint8_t)bits;
	return 0;
}

int settings_set_bandwidth(struct options *o, const char *value, const char **ret_why)
{
	static const char units[] = "kMG";
	size_t len = strlen(value);
	const char *unit = len ? strchr(units, value[len - 1]) : NULL;
	uint64_t factor = 1;
	char digits[16];
	uint32_t n;

	*ret_why = "expected bytes a second, as 500k, 10M or 1G; 0 for no limit";
	if (!len || len >= sizeof(digits))
		return -EINVAL;
	snprintf(digits, sizeof(digits), "%.*s", (int)(unit ? len - 1 : len), value);
	if (parse_u32(digits, 0, UINT32_MAX, &n, &(const char *){ NULL }))
		return -EINVAL;
	for (const char *u = units; unit && u <= unit; u++)
		factor *= 1000;
	o->settings->limits.bandwidth = n * factor;
	return 0;
}
