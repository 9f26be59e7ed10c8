/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file as the relay sees it: its own section becomes options, and pools
 * become those of its settings. The loader's sections are left to the loader.
 */
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "relay/config/section.h"

struct first_error {
	char *why;
	size_t size;
};

/* One line is all there is room for; `tproxy-loader check` shows the rest. */
static void keep_first(const char *file, unsigned int line, const char *text, void *arg)
{
	struct first_error *first = arg;

	if (!first->why[0])
		snprintf(first->why, first->size, "%s:%u: %s", file, line, text);
}

static int take_pools(struct options *o, const struct config *config)
{
	int err = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		for (size_t j = 0; j < config->pools[i].n && !err; j++)
			err = poolmap_add(&o->settings->pools, &config->pools[i].items[j].address,
					  &config->pools[i].items[j].server);
	return err;
}

int options_read_file(struct options *o, const char *path, char *ret_why, size_t size)
{
	struct config config __cleanup_config = { 0 };
	struct first_error first = { ret_why, size };
	struct config_relay relay = relay_section(o);
	const struct config_reader reader = {
		.name = path, .no_policy = true, .relay = &relay, .error = keep_first, .arg = &first
	};
	__cleanup_file FILE *in = fopen(path, "re");
	int err = in ? 0 : -errno;

	*ret_why = '\0';
	/* The command line, which comes later, has a word in what can be together. */
	relay.finish = NULL;
	o->config = path;
	if (!err)
		err = config_read(&reader, in, &config);
	if (!err)
		err = take_pools(o, &config);
	if (err && !*ret_why)
		snprintf(ret_why, size, "%s: cannot be read: %s (check the path given with -c)",
			 path, strerror(-err));
	return err;
}
