/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is the unit enabled that attaches again after a reboot? Nothing is wrong before, and something
 * else may attach: so this is a note, and never a problem.
 */
#include <dirent.h>
#include <limits.h>
#include <string.h>

#include "loader/check/list.h"

#define UNIT "tproxy-loader.service"
#define MAX_ENTRIES 4096

static bool ends_with(const char *name, const char *end)
{
	const size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && !strcmp(name + len - end_len, end);
}

/* `systemctl enable` makes a link in the folder of the target. It may lead nowhere. */
static bool is_wanted_in(const char *dir, const char *folder)
{
	char path[PATH_MAX], target[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/%s/" UNIT, dir, folder);

	return len < (int)sizeof(path) && readlink(path, target, sizeof(target)) > 0 &&
	       !access(path, F_OK);
}

static bool is_enabled_in(const char *dir)
{
	__cleanup_dir DIR *open = opendir(dir);
	const struct dirent *entry;
	unsigned int n = 0;

	while (open && n++ < MAX_ENTRIES && (entry = readdir(open)))
		if ((ends_with(entry->d_name, ".wants") || ends_with(entry->d_name, ".requires")) &&
		    is_wanted_in(dir, entry->d_name))
			return true;
	return false;
}

void check_persistent(struct checkup *c)
{
	static const char *const dirs[] = { "/etc/systemd/system", "/usr/local/lib/systemd/system",
					    "/usr/lib/systemd/system", "/lib/systemd/system" };

	if (access("/run/systemd/system", F_OK)) {
		checkup_evidence(c, "no systemd: unknown");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (is_enabled_in(dirs[i])) {
			checkup_evidence(c, "the unit is enabled");
			return;
		}
	checkup_evidence(c, "not-persistent: the unit is not enabled (systemctl enable "
			    "tproxy-loader)");
}
