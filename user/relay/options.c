/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/options.h"

#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "relay/cmdline.h"
#include "tproxy.h"

static int set_defaults(struct options *o)
{
	options_free(o);
	*o = (struct options){
		.listen = { TPROXY_RELAY_PORT, TPROXY_RELAY_PORT_IN },
		.listen_count = 2,
		.log_level = RECORD_INFO,
		.connect_timeout = 10,
		.idle_timeout = 3600,
		.half_closed_timeout = 60,
		.drain_timeout = 30,
		.udp_per_source = 4096,
		.carry_ecn = true,
		.settings = settings_new(),
	};
	return o->settings ? 0 : -ENOMEM;
}

void options_free(struct options *o)
{
	settings_unref(o->settings);
	o->settings = NULL;
}

/* What cannot be together. */
static int check_whole(const struct options *o, char *ret_why, size_t size)
{
	if (o->proxy.kind == PROXY_NONE || o->source == SOURCE_OWN)
		return 0;
	snprintf(ret_why, size, "source = %s: not with an upstream proxy, which connects from its "
				"own address (set source = own, or upstream = direct)",
		 source_names[o->source]);
	return -EINVAL;
}

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
	if (set_defaults(o))
		return out_of_memory(ret_why, size);
	r = cmdline_parse(&cl, argc, argv);
	if (r != OPTIONS_RUN)
		return r;
	if (set_defaults(o))
		return out_of_memory(ret_why, size);
	if (set_from_environment(o, ret_why, size))
		return OPTIONS_FAILED;
	if (cl.config && options_read_file(o, cl.config, ret_why, size))
		return OPTIONS_FAILED;
	r = cmdline_parse(&cl, argc, argv);
	set_pin_dir_default(o);
	if (check_whole(o, ret_why, size))
		return OPTIONS_FAILED;
	o->config = cl.config;
	return r;
}
