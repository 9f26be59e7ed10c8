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

static bool take_name(const char **at, struct sysctl_setting *setting)
{
	const size_t len = strcspn(*at, "=; \"");

	if ((*at)[len] != '=' || !copy(setting->name, sizeof(setting->name), *at, len))
		return false;
	*at += len + 1;
	use_slashes(setting->name);
	return !strncmp(setting->name, "net/", 4) && !strstr(setting->name, "..") &&
	       is_safe(setting->name, "/.");
}

/* Between quotes: numbers, with one blank after each but the last. */
static bool are_numbers(const char *text)
{
	do {
		const size_t digits = strspn(text, "0123456789");

		if (!digits)
			return false;
		text += digits;
	} while (*text++ == ' ');
	return !text[-1];
}

static bool take_quoted(const char **at, struct sysctl_setting *setting)
{
	const size_t len = strcspn(++*at, "\"");

	if ((*at)[len] != '"' || !copy(setting->value, sizeof(setting->value), *at, len))
		return false;
	*at += len + 1;
	return are_numbers(setting->value);
}

static bool take_value(const char **at, struct sysctl_setting *setting)
{
	const size_t len = strcspn(*at, "; \"");

	if (**at == '"')
		return take_quoted(at, setting);
	if (!copy(setting->value, sizeof(setting->value), *at, len))
		return false;
	*at += len;
	return is_safe(setting->value, "");
}

bool fix_sysctl_parse(const char *command, struct sysctl_cure *ret_cure)
{
	struct sysctl_cure cure = { .n = 0 };
	const char *at = command + strlen(COMMAND);

	if (strncmp(command, COMMAND, strlen(COMMAND)))
		return false;
	do {
		struct sysctl_setting *setting = &cure.items[cure.n];

		if (cure.n++ == FIX_SYSCTL_MAX || !take_name(&at, setting) ||
		    !take_value(&at, setting))
			return false;
	} while (*at == ' ' && *++at);
	if (*at && strncmp(at, "; ", 2))
		return false;
	*ret_cure = cure;
	return true;
}

static int write_value(const char *path, const char *value)
{
	__cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	const size_t len = strlen(value);
	const ssize_t n = fd < 0 ? -1 : write(fd, value, len);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int fix_sysctl_write(const struct sysctl_setting *setting)
{
	char path[PATH_MAX];
	int err;

	snprintf(path, sizeof(path), PROC "%s", setting->name);
	log_step("sysctl -w %s=%s", setting->name, setting->value);
	err = write_value(path, setting->value);
	if (err) {
		log_error("%s: cannot write %s: %s", path, setting->value, strerror(-err));
		return err;
	}
	log_info("%s does not survive a reboot: the line \"%s = %s\" in a file of /etc/sysctl.d "
		 "does",
		 setting->name, setting->name, setting->value);
	return 0;
}
