/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration file that the command line names. */
#include "loader/edit/conffile.h"

#include <string.h>

#include "lib/log.h"
#include "loader/edit/owners.h"
#include "loader/edit/review.h"
#include "relay/config/section.h"

const char *conffile_name(const char *path)
{
	return strcmp(path, "-") ? path : "stdin";
}

static int open_path(const char *path, FILE **ret_file)
{
	if (strcmp(path, "-"))
		return config_open(path, ret_file);
	*ret_file = fdopen(dup(STDIN_FILENO), "r");
	return *ret_file ? 0 : -errno;
}

static int read_open(const char *name, FILE *file, struct conffile_report *report,
		     struct config *ret_config)
{
	struct options options __cleanup_options = { 0 };
	struct config_taker relay = relay_section(&options);
	struct config_taker egress = egress_section(&options);
	const struct config_reader reader = {
		.name = name,
		.relay = &relay,
		.egress = &egress,
		.check_relay =
			report && report->of_host ? relay_section_check_host : relay_section_check,
		.check_egress = egress_section_check,
		.check_arg = &options,
		.report = { conffile_error, report ? conffile_warning : NULL, report },
	};
	int err = options_defaults(&options);

	return err ? err : config_read(&reader, file, ret_config);
}

struct looking {
	struct conffile_report *report;
	const char *name;
	const struct config *config;
	int rule;
};

static void take_problem(const char *text, bool is_error, void *arg)
{
	const struct looking *l = arg;
	char full[OWNERS_WHY_LEN + TPROXY_NAME_LEN + 16];

	snprintf(full, sizeof(full), "[rule %s]: %s", l->config->policy.rules[l->rule].name, text);
	if (is_error)
		conffile_error(l->name, l->config->rule_lines[l->rule], full, l->report);
	else if (l->report)
		conffile_warning(l->name, l->config->rule_lines[l->rule], full, l->report);
}

/* Users, groups and cgroups by name, once the file has no other error. */
static int look_up_owners(const char *name, struct conffile_report *report, struct config *config)
{
	struct looking l = { report, name, config, 0 };
	const struct owners_report to = { " = ", take_problem, &l };
	int err = 0;

	for (; l.rule < TPROXY_MAX_RULES; l.rule++)
		if (owners_look_up(&config->policy.rules[l.rule], &to))
			err = -EINVAL;
	return err;
}

int conffile_read(const char *path, struct conffile_report *report, struct config *ret_config)
{
	const char *name = conffile_name(path);
	__cleanup_file FILE *file = NULL;
	int err = open_path(path, &file);

	if (err) {
		log_error("%s: cannot be read: %s (check the path)", path, strerror(-err));
		return err;
	}
	err = read_open(name, file, report, ret_config);
	if (!err)
		err = look_up_owners(name, report, ret_config);
	if (!err && report)
		review_config(report, name, ret_config);
	if (err && err != -EINVAL)
		log_error("%s: cannot be read: %s (check the path)", path, strerror(-err));
	return err;
}

struct conffile_size conffile_size(const struct policy *policy)
{
	struct conffile_size size = { 0 };

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		size.rules += policy->rules[i].used;
		size.prefixes += policy->rules[i].to.n + policy->rules[i].from.n;
	}
	return size;
}
