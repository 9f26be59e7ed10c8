/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists, limits and pools: their life, and how the values of their keys are read. */
#include "relay/config/settings.h"

#include <string.h>

#include "lib/parse.h"
#include "lib/util.h"

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
	egress_free(&s->egress);
	free(s);
}

/* ---- limits ------------------------------------------------------------- */

/* 0 removes a limit, so that the command line can undo what the file says. */
static int set_count(uint32_t *count, const char *value, const char **ret_why)
{
	*ret_why = "expected 0 to 1000000, 0 for no limit";
	return parse_u32(value, 0, 1000000, count, NULL);
}

static int set_max_flows(struct limit_values *limits, const char *value, const char **ret_why)
{
	return set_count(&limits->max_flows, value, ret_why);
}

static int set_max_flows_per_source(struct limit_values *limits, const char *value,
				    const char **ret_why)
{
	return set_count(&limits->max_flows_per_source, value, ret_why);
}

static int set_flow_rate(struct limit_values *limits, const char *value, const char **ret_why)
{
	return set_count(&limits->flow_rate, value, ret_why);
}

static int set_flow_rate_per_source(struct limit_values *limits, const char *value,
				    const char **ret_why)
{
	return set_count(&limits->flow_rate_per_source, value, ret_why);
}

static int set_source_prefix6(struct limit_values *limits, const char *value, const char **ret_why)
{
	uint32_t bits;

	*ret_why = "expected 1 to 128";
	if (parse_u32(value, 1, 128, &bits, NULL))
		return -EINVAL;
	limits->source_prefix6 = (uint8_t)bits;
	return 0;
}

static int set_rate(uint64_t *rate, const char *value, const char **ret_why)
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
	if (parse_u32(digits, 0, UINT32_MAX, &n, NULL))
		return -EINVAL;
	for (const char *u = units; unit && u <= unit; u++)
		factor *= 1000;
	*rate = n * factor;
	return 0;
}

static int set_bandwidth(struct limit_values *limits, const char *value, const char **ret_why)
{
	return set_rate(&limits->bandwidth, value, ret_why);
}

static int set_bandwidth_per_source(struct limit_values *limits, const char *value,
				    const char **ret_why)
{
	return set_rate(&limits->bandwidth_per_source, value, ret_why);
}

static int set_bandwidth_total(struct limit_values *limits, const char *value, const char **ret_why)
{
	return set_rate(&limits->bandwidth_total, value, ret_why);
}

/* ---- keys --------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*set)(struct limit_values *limits, const char *value, const char **ret_why);
} limit_keys[] = {
	{ "max-flows", set_max_flows },
	{ "max-flows-per-source", set_max_flows_per_source },
	{ "flow-rate", set_flow_rate },
	{ "flow-rate-per-source", set_flow_rate_per_source },
	{ "source-prefix6", set_source_prefix6 },
	{ "bandwidth", set_bandwidth },
	{ "bandwidth-per-source", set_bandwidth_per_source },
	{ "bandwidth-total", set_bandwidth_total },
};

const char *settings_limit_name(size_t i)
{
	return i < ARRAY_SIZE(limit_keys) ? limit_keys[i].name : NULL;
}

bool settings_is_list(const char *key)
{
	return parse_name(key, access_names, ACCESS_MAX) >= 0;
}

int settings_set(struct settings *s, const char *key, const char *value, const char **ret_why)
{
	int list = parse_name(key, access_names, ACCESS_MAX);

	for (size_t i = 0; i < ARRAY_SIZE(limit_keys); i++)
		if (!strcmp(limit_keys[i].name, key))
			return limit_keys[i].set(&s->limits, value, ret_why);
	*ret_why = "unknown key";
	if (list < 0)
		return -ENOENT;
	*ret_why = "empty";
	if (!value[strspn(value, ", \t")])
		return -EINVAL;
	s->access.given[list] = true;
	return 0;
}

int settings_add(struct settings *s, const char *key, const char *entry, const char **ret_why)
{
	int list = parse_name(key, access_names, ACCESS_MAX);

	*ret_why = "unknown key";
	return list < 0 ? -ENOENT : access_add(&s->access, (enum access_id)list, entry, ret_why);
}
