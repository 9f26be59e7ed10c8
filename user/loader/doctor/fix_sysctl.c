/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/doctor/fix_sysctl.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "lib/log.h"

#define COMMAND "sysctl -w "
#define PROC "/proc/sys/"

/* The kernel's names have no other characters; those of devices may, and are refused. */
static bool is_safe(const char *text, const char *also)
{
	for (; *text; text++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-:@",
			    *text) &&
		    !strchr(also, *text))
			return false;
	return true;
}

static void use_slashes(char *name)
{
	if (strchr(name, '/'))
		return;
	for (; *name; name++)
		if (*name == '.')
			*name = '/';
}

static bool copy(char *to, size_t size, const char *from, size_t len)
{
	if (!len || len >= size)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

bool fix_sysctl_parse(const char *cure, struct sysctl_setting *ret_setting)
{
	struct sysctl_setting s;
	const char *name = cure + strlen(COMMAND), *equals, *end;

	if (strncmp(cure, COMMAND, strlen(COMMAND)))
		return false;
	end = name + strcspn(name, "; ");
	equals = memchr(name, '=', (size_t)(end - name));
	if (!equals || (*end && strncmp(end, "; ", 2)) ||
	    !copy(s.name, sizeof(s.name), name, (size_t)(equals - name)) ||
	    !copy(s.value, sizeof(s.value), equals + 1, (size_t)(end - equals - 1)))
		return false;
	use_slashes(s.name);
	if (strncmp(s.name, "net/", 4) || strstr(s.name, "..") || !is_safe(s.name, "/.") ||
	    !is_safe(s.value, ""))
		return false;
	*ret_setting = s;
	return true;
}

int fix_sysctl_write(const struct sysctl_setting *setting)
{
	const size_t len = strlen(setting->value);
	__cleanup_close int fd = -1;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PROC "%s", setting->name);
	log_step("sysctl -w %s=%s", setting->name, setting->value);
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || write(fd, setting->value, len) != (ssize_t)len) {
		int err = -errno;

		log_error("%s: cannot write %s: %s", path, setting->value, strerror(-err));
		return err;
	}
	log_info("%s does not survive a reboot: the line \"%s = %s\" in a file of /etc/sysctl.d "
		 "does",
		 setting->name, setting->name, setting->value);
	return 0;
}
