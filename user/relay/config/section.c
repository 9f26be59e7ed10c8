/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections [relay] and [egress]: keys, and what a start would refuse. */
#include "relay/config/section.h"

#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util.h"
#include "relay/config/keys.h"

static int set(void *arg, const char *key, const char *value, const char **ret_why)
{
	return keys_set(arg, key, value, ret_why);
}

static int add(void *arg, const char *key, const char *entry, const char **ret_why)
{
	const struct options *o = arg;

	return settings_add(o->settings, key, entry, ret_why);
}

struct config_taker relay_section(struct options *o)
{
	return (struct config_taker){
		.set = set, .add = add, .is_list = settings_is_list, .shown = keys_shown, .arg = o
	};
}

/* ---- [egress NAME] ------------------------------------------------------ */

static int begin_egress(void *arg, const char *name, const char **ret_why)
{
	const struct options *o = arg;

	return egress_begin(&o->settings->egress, name, ret_why);
}

static int set_egress(void *arg, const char *key, const char *value, const char **ret_why)
{
	const struct options *o = arg;

	return egress_set(&o->settings->egress, key, value, ret_why);
}

static int add_egress(void *arg, const char *key, const char *entry, const char **ret_why)
{
	const struct options *o = arg;

	return egress_add(&o->settings->egress, key, entry, ret_why);
}

static const char *egress_shown(const char *key, const char *value)
{
	return egress_is_list(key) ? value : keys_shown(key, value);
}

struct config_taker egress_section(struct options *o)
{
	return (struct config_taker){ .begin = begin_egress,
				      .set = set_egress,
				      .add = add_egress,
				      .is_list = egress_is_list,
				      .shown = egress_shown,
				      .arg = o };
}

int egress_section_check(void *options, size_t i, __u32 marks, char *ret_why, size_t size)
{
	const struct options *o = options;
	const struct egress_defaults defaults = { .source = &o->source,
						  .upstreams = &o->upstreams,
						  .marks = marks };

	return egress_check(&o->settings->egress, i, &defaults, ret_why, size);
}

/* ---- [relay] as a whole ------------------------------------------------- */

/* The start creates the file, but not its directory. */
static int check_log_file(const struct options *o, char *ret_why, size_t size)
{
	const char *path = o->log_file;
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (!*path)
		return 0;
	if (!stat(path, &st))
		errno = S_ISDIR(st.st_mode) ? EISDIR : 0;
	else if (slash) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path) + 1, path);
		if (!stat(dir, &st))
			errno = S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
	} else {
		errno = 0;
	}
	if (!errno)
		return 0;
	snprintf(ret_why, size, "log-file = %.160s: cannot be opened: %s", path, strerror(errno));
	return -EINVAL;
}

static int check_user(const struct options *o, char *ret_why, size_t size)
{
	if (!o->user[0] || getpwnam(o->user))
		return 0;
	snprintf(ret_why, size, "user = %.80s: unknown (create it or choose another)", o->user);
	return -EINVAL;
}

/* Those that ask the host are last. */
static int (*const checks[])(const struct options *o, char *ret_why,
			     size_t size) = { options_check_join, options_check_source,
					      check_log_file, check_user };
#define CHECKS_OF_HOST 2

int relay_section_check(void *options, unsigned int n, char *ret_why, size_t size)
{
	if (n >= ARRAY_SIZE(checks) - CHECKS_OF_HOST)
		return -ENOENT;
	return checks[n](options, ret_why, size);
}

int relay_section_check_host(void *options, unsigned int n, char *ret_why, size_t size)
{
	return n < ARRAY_SIZE(checks) ? checks[n](options, ret_why, size) : -ENOENT;
}
