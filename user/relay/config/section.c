/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/config/section.h"

#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util.h"

static int set(void *arg, const char *key, const char *value, const char **ret_why)
{
	return options_set(arg, key, value, ret_why);
}

static int finish(void *arg, char *ret_why, size_t size)
{
	return options_check_whole(arg, ret_why, size);
}

struct config_relay relay_section(struct options *o)
{
	return (struct config_relay){ .set = set,
				      .is_list = options_is_list,
				      .shown = options_shown,
				      .finish = finish,
				      .arg = o };
}

/* The file itself may be made by the start; its directory may not. */
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

int relay_section_fits_host(const struct options *o, char *ret_why, size_t size)
{
	int err = o->log_file[0] ? check_log_file(o->log_file, ret_why, size) : 0;

	if (!err && o->user[0])
		err = check_user(o->user, ret_why, size);
	return err;
}
