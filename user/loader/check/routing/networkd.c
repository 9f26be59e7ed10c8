/* SPDX-License-Identifier: BSD-2-Clause */
/* Does systemd-networkd run in this namespace, and does it remove the routing rules of others? */
#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "lib/ini.h"
#include "loader/check/list.h"

/* ---- does it run -------------------------------------------------------- */

#define NETWORKD "systemd-network" /* the kernel keeps 15 characters */
#define SYSTEM_UID_MAX 999         /* as in login.defs of Debian */

/* Every user may give his processes this name; it runs as root or as a user of the system. */
static bool is_networkd(const char *pid)
{
	__cleanup_file FILE *file = NULL;
	char path[64], line[128], name[32] = "";
	unsigned int uid = ~0u;

	snprintf(path, sizeof(path), "/proc/%.20s/status", pid);
	file = fopen(path, "re");
	while (file && uid == ~0u && fgets(line, sizeof(line), file)) {
		sscanf(line, "Name: %31s", name);
		sscanf(line, "Uid: %u", &uid);
	}
	return !strcmp(name, NETWORKD) && uid <= SYSTEM_UID_MAX;
}

static bool is_in_our_namespace(const char *pid)
{
	struct stat own, other;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.20s/ns/net", pid);
	return !stat(path, &other) && !stat("/proc/thread-self/ns/net", &own) &&
	       own.st_ino == other.st_ino && own.st_dev == other.st_dev;
}

static bool networkd_runs(void)
{
	__cleanup_dir DIR *dir = opendir("/proc");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    is_networkd(entry->d_name) && is_in_our_namespace(entry->d_name))
			return true;
	return false;
}

/* ---- its configuration -------------------------------------------------- */

struct reading {
	bool in_section;
	bool manages; /* the last setting wins */
};

static bool is_false(const char *value)
{
	return !strcmp(value, "0") || !strcasecmp(value, "no") || !strcasecmp(value, "n") ||
	       !strcasecmp(value, "false") || !strcasecmp(value, "f") || !strcasecmp(value, "off");
}

static int take_line(const struct ini_line *line, void *arg)
{
	struct reading *reading = arg;

	if (line->kind == INI_SECTION)
		reading->in_section = !strcmp(line->name, "Network");
	else if (line->kind == INI_KEY && reading->in_section &&
		 !strcmp(line->name, "ManageForeignRoutingPolicyRules"))
		reading->manages = !is_false(line->value);
	return 0;
}

/* In the order of precedence; a file hides those of the same name in later ones. */
static const char *const config_dirs[] = { "/etc/systemd", "/run/systemd", "/usr/local/lib/systemd",
					   "/usr/lib/systemd" };

static bool read_first(const char *name, struct reading *reading)
{
	for (size_t i = 0; i < ARRAY_SIZE(config_dirs); i++) {
		__cleanup_file FILE *file = NULL;
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", config_dirs[i], name);
		file = fopen(path, "re");
		if (!file)
			continue;
		reading->in_section = false;
		ini_read(file, take_line, reading);
		return true;
	}
	return false;
}

#define MAX_DROP_INS 64

struct names {
	char items[MAX_DROP_INS][NAME_MAX + 1];
	size_t n;
};

static void add_names(struct names *names, const char *dir)
{
	__cleanup_dir DIR *open = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/networkd.conf.d", dir);
	open = opendir(path);
	while (open && names->n < MAX_DROP_INS && (entry = readdir(open))) {
		const char *end = strrchr(entry->d_name, '.');

		if (end && !strcmp(end, ".conf"))
			snprintf(names->items[names->n++], NAME_MAX + 1, "%s", entry->d_name);
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The main file, then drop-ins by name. */
static bool networkd_manages(void)
{
	__cleanup_free struct names *names = calloc(1, sizeof(*names));
	struct reading reading = { .manages = true };

	read_first("networkd.conf", &reading);
	for (size_t i = 0; i < ARRAY_SIZE(config_dirs) && names; i++)
		add_names(names, config_dirs[i]);
	if (names)
		qsort(names->items, names->n, sizeof(names->items[0]), compare_names);
	for (size_t i = 0; names && i < names->n; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "networkd.conf.d/%s", names->items[i]);
		read_first(path, &reading);
	}
	return reading.manages;
}

/* ---- the check ---------------------------------------------------------- */

void check_networkd(struct checkup *c)
{
	struct problem *p;

	if (!networkd_runs() || !networkd_manages())
		return;
	p = problem_add(&c->problems, "networkd-rules", VERDICT_DEGRADED, NULL, NULL);
	problem_text(p, "systemd-networkd removes routing rules of others when it starts or is "
			"reconfigured: ours, too");
	problem_next(p, "mkdir -p /etc/systemd/networkd.conf.d && printf "
			"'[Network]\\nManageForeignRoutingPolicyRules=no\\n' "
			">/etc/systemd/networkd.conf.d/tproxy.conf; then systemctl restart "
			"systemd-networkd and tproxy-loader attach, or let watch repair it");
}
