/* SPDX-License-Identifier: BSD-2-Clause */
/* Section [relay]: keys, and what a start would refuse. */
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

struct config_relay relay_section(struct options *o)
{
	return (struct config_relay){
		.set = set, .add = add, .is_list = settings_is_list, .shown = keys_shown, .arg = o
	};
}

/* The start creates the file, but not its directory. */
static int check_log_file(const char *path, char *ret_why, size_t size)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	struct stat st;

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

static int check_user(const char *name, char *ret_why, size_t size)
{
	if (getpwnam(name))
		return 0;
	snprintf(ret_why, size, "user = %.80s: unknown (create it or choose another)", name);
	return -EINVAL;
}

int relay_section_fits(void *options, char *ret_why, size_t size)
{
	return options_check_whole(options, ret_why, size);
}

int relay_section_fits_host(void *options, char *ret_why, size_t size)
{
	const struct options *o = options;
	int err = options_check_whole(o, ret_why, size);

	if (!err && o->log_file[0])
		err = check_log_file(o->log_file, ret_why, size);
	if (!err && o->user[0])
		err = check_user(o->user, ret_why, size);
	return err;
}
