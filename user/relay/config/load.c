/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/config/options.h"

#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "relay/config/cmdline.h"
#include "tproxy.h"

static int set_from_environment(struct options *o, char *ret_why, size_t size)
{
	static const struct {
		const char *variable;
		const char *key;
	} table[] = {
		{ "LOG_LEVEL", "log-level" },
		{ "LOG_FORMAT", "log-format" },
		{ "TPROXY_PIN_DIR", "pin-dir" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *value = getenv(table[i].variable);
		const char *why;
		int err;

		if (!value || !*value)
			continue;
		err = options_set(o, table[i].key, value, &why);
		if (err) {
			snprintf(ret_why, size, "environment %s=%s: %s (correct or unset it)",
				 table[i].variable, value, why);
			return err;
		}
	}
	return 0;
}

static void set_pin_dir_default(struct options *o)
{
	if (o->pin_dir[0])
		return;
	snprintf(o->pin_dir, sizeof(o->pin_dir), "/sys/fs/bpf/tproxy%s%s", o->netns[0] ? "-" : "",
		 o->netns);
}

static enum options_result out_of_memory(char *ret_why, size_t size)
{
	snprintf(ret_why, size, "options: out of memory");
	return OPTIONS_FAILED;
}

enum options_result options_parse(struct options *o, int argc, char **argv, char *ret_why,
				  size_t size)
{
	struct command_line cl = { .o = o, .why = ret_why, .size = size };
	enum options_result r;

	/* First pass for errors and -c, the second puts the flags above file and environment. */
	if (options_defaults(o))
		return out_of_memory(ret_why, size);
	r = cmdline_parse(&cl, argc, argv);
	if (r != OPTIONS_RUN)
		return r;
	if (options_defaults(o))
		return out_of_memory(ret_why, size);
	if (set_from_environment(o, ret_why, size))
		return OPTIONS_FAILED;
	if (cl.config && options_read_file(o, cl.config, ret_why, size))
		return OPTIONS_FAILED;
	r = cmdline_parse(&cl, argc, argv);
	set_pin_dir_default(o);
	if (options_check_whole(o, ret_why, size))
		return OPTIONS_FAILED;
	o->config = cl.config;
	return r;
}
