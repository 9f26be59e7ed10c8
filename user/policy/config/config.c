/* SPDX-License-Identifier: BSD-2-Clause */
/* The model of a configuration file: what can be asked without its text. */
#include "policy/config/config.h"

#include "lib/util.h"

const char *const config_own_bound_names[CONFIG_OWN_BOUND_MAX] = {
	[CONFIG_OWN_DIRECT] = "direct",
	[CONFIG_OWN_DENY] = "deny",
};

__u32 config_marks(const struct config *config)
{
	__u32 mark = config->mark ? config->mark : TPROXY_DEFAULT_MARK;
	__u32 own = config->own_mark ? config->own_mark : TPROXY_OWN_DEFAULT_MARK;

	return mark | tproxy_df_mark(mark) | (config->local ? own : 0);
}

bool config_is_empty(const struct config *config)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (config->policy.rules[i].used)
			return false;
	for (size_t i = 0; i < config->n_pools; i++)
		if (config->pools[i].n)
			return false;
	return true;
}

unsigned int config_learn_seconds(const struct config *config)
{
	return config->has_learn ? config->learn : CONFIG_LEARN_DEFAULT_S;
}

static void lines_free(struct config_lines *lines)
{
	for (size_t i = 0; i < lines->n; i++) {
		free(lines->items[i].key);
		free(lines->items[i].value);
	}
	free(lines->items);
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < config->n_zones; i++)
		free(config->zones[i].interfaces.items);
	for (size_t i = 0; i < config->n_pools; i++)
		free(config->pools[i].items);
	for (size_t i = 0; i < config->n_egresses; i++)
		lines_free(&config->egresses[i].lines);
	lines_free(&config->relay);
	free(config->interfaces.items);
	free(config->divert.items);
	owner_set_free(&config->own_exclude);
	free(config->zones);
	free(config->pools);
	free(config->egresses);
	policy_free(&config->policy);
	*config = (struct config){ 0 };
}
