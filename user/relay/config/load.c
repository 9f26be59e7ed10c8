/* SPDX-License-Identifier: BSD-2-Clause */
/* The options from command line, configuration file, environment and defaults. */
#include "relay/config/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "relay/config/cmdline.h"
#include "relay/config/keys.h"
#include "relay/config/section.h"

struct loading {
	const struct options_source *source;
	struct options *o;
	struct command_line cl;
	bool overridden;     /* by the command line, which is read last */
	struct options file; /* before that; for the checks of its section, borrows what o owns */
	__u32 marks;         /* see config_reader.check_egress */
	unsigned int errors;
};

static void __printf(2, 3) report(struct loading *l, const char *fmt, ...)
{
	char text[PATH_MAX + 1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	l->errors++;
	l->source->error(text, l->source->arg);
}

static void read_environment(struct loading *l)
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

		if (value && *value && keys_set(l->o, table[i].key, value, &why))
			report(l, "environment %s=%s: %s (correct or unset it)", table[i].variable,
			       value, why);
	}
}

/* The first reading of the line found no error in it. */
static void override(struct loading *l)
{
	if (l->overridden)
		return;
	l->file = *l->o;
	cmdline_parse(&l->cl, l->source->argc, l->source->argv);
	l->overridden = true;
}

/* ---- the file ----------------------------------------------------------- */

static void on_error(const char *file, unsigned int line, const char *text, void *arg)
{
	report(arg, "%s:%u: %s", file, line, text);
}

/* What is wrong with the section as a whole, unless the command line corrects it. */
static int check_section(void *arg, unsigned int n, char *ret_why, size_t size)
{
	struct loading *l = arg;
	char why[256];
	int (*check)(void *options, unsigned int n, char *ret_why, size_t size) =
		l->source->again ? relay_section_check : relay_section_check_host;
	int err;

	override(l);
	err = check(&l->file, n, ret_why, size);
	return err && check(l->o, n, why, sizeof(why)) ? err : 0;
}

static int check_egress(void *arg, size_t i, __u32 marks, char *ret_why, size_t size)
{
	struct loading *l = arg;
	char why[256];
	int err;

	override(l);
	l->marks = marks;
	err = egress_section_check(&l->file, i, marks, ret_why, size);
	return err && egress_section_check(l->o, i, marks, why, sizeof(why)) ? err : 0;
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

static void read_file(struct loading *l, const char *path)
{
	struct config config __cleanup_config = { 0 };
	struct config_taker relay = relay_section(l->o);
	struct config_taker egress = egress_section(l->o);
	const struct config_reader reader = {
		.name = path,
		.rule_lists = l->source->again ? CONFIG_LISTS_SKIP : CONFIG_LISTS_READ,
		.relay = &relay,
		.egress = &egress,
		.check_relay = check_section,
		.check_egress = check_egress,
		.check_arg = l,
		.report = { .error = on_error, .arg = l },
	};
	__cleanup_file FILE *in = NULL;
	int err = config_open(path, &in);

	if (!err)
		err = config_read(&reader, in, &config);
	if (!err)
		err = take_pools(l->o, &config);
	if (err && err != -EINVAL)
		report(l, "%s: cannot be read: %s (check the path)", path, strerror(-err));
}

/* ---- the whole ---------------------------------------------------------- */

/* What is wrong with the options as a whole. A start itself finds out about the host. */
static void check_all(struct loading *l)
{
	char why[256];
	int (*check)(void *options, unsigned int n, char *ret_why, size_t size) =
		l->cl.check ? relay_section_check_host : relay_section_check;
	int err = 0;

	for (unsigned int n = 0; err != -ENOENT; n++) {
		err = check(l->o, n, why, sizeof(why));
		if (err && err != -ENOENT)
			report(l, "%s", why);
	}
}

/* The command line may contradict a section. */
static void check_egresses(struct loading *l)
{
	char why[256];

	for (size_t i = 0; i < l->o->settings->egress.count; i++)
		if (egress_section_check(l->o, i, l->marks, why, sizeof(why)))
			report(l, "[egress %s]: %s", l->o->settings->egress.items[i].name, why);
}

static enum options_result read_all(struct loading *l)
{
	read_environment(l);
	if (l->cl.config)
		read_file(l, l->cl.config);
	override(l);
	l->o->config = l->cl.config;
	if (!l->o->pin_dir[0])
		snprintf(l->o->pin_dir, sizeof(l->o->pin_dir), "/sys/fs/bpf/tproxy%s%s",
			 l->o->netns[0] ? "-" : "", l->o->netns);
	if (!l->errors) {
		check_all(l);
		check_egresses(l);
	}
	if (l->errors)
		return OPTIONS_FAILED;
	egress_complete(&l->o->settings->egress, &l->o->source, &l->o->upstreams);
	return l->cl.check ? OPTIONS_CHECKED : OPTIONS_RUN;
}

/* The line is read first for its errors and for -c, then again to override file and environment. */
enum options_result options_load(struct options *o, const struct options_source *source)
{
	struct loading l = { .source = source, .o = o, .cl = { .o = o } };
	enum cmdline_result r = CMDLINE_RUN;
	int err = options_defaults(o);

	if (!err)
		r = cmdline_parse(&l.cl, source->argc, source->argv);
	if (r == CMDLINE_LIST)
		return OPTIONS_LIST;
	if (r == CMDLINE_HELP)
		return OPTIONS_HELP;
	if (r == CMDLINE_VERSION)
		return OPTIONS_VERSION;
	if (r == CMDLINE_USAGE) {
		report(&l, "%s", l.cl.why);
		return OPTIONS_USAGE;
	}
	if (!err)
		err = options_defaults(o);
	if (!err)
		return read_all(&l);
	report(&l, "options: out of memory");
	return OPTIONS_FAILED;
}
