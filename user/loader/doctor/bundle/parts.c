/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/doctor/bundle/parts.h"

#include <string.h>

#include "loader/doctor/bundle/host.h"
#include "loader/doctor/doctor_print.h"
#include "loader/edit/saved.h"
#include "loader/show/status.h"

#define LOG_BYTES (256 * 1024)

static void write_json(FILE *out, struct json_object *object)
{
	fprintf(out, "%s\n",
		json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							       JSON_C_TO_STRING_SPACED |
							       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static void write_doctor(FILE *out, struct examination *e)
{
	write_json(out, doctor_json(e));
}

static void write_status(FILE *out, struct examination *e)
{
	struct status s __cleanup_status = { .n = 0 };
	const struct status_want want = { 0 };
	int err = status_read(&s, &e->session, &want);

	if (err)
		fprintf(out, "cannot be read: %s\n", strerror(-err));
	else
		write_json(out, status_json(&s));
}

static void write_policy(FILE *out, struct examination *e)
{
	struct config config __cleanup_config = { 0 };
	int err = saved_config(&e->session.state, &config);

	if (!err)
		err = config_print(&config, out);
	if (err)
		fprintf(out, "cannot be read: %s\n", strerror(-err));
}

const struct bundle_part bundle_parts[] = {
	{ "doctor.json", "what this run found", false, write_doctor },
	{ "status.json", "the status", true, write_status },
	{ "policy.conf", "the live policy, as save prints it", true, write_policy },
	{ "versions.txt", "versions and the kernel", false, bundle_versions },
	{ "maps.txt", "names, sizes and fill of the maps", true, bundle_maps },
	{ "interfaces.txt", "interfaces, and the programs before ours", false, bundle_interfaces },
	{ "routing.txt", "routing rules and routes", false, bundle_routing },
	{ "firewall.txt", "packet filters as the checks read them", false, bundle_firewall },
	{ "sysctls.txt", "sysctls that matter", false, bundle_sysctls },
	{ "listeners.txt", "listening sockets and their processes", false, bundle_listeners },
};
const size_t bundle_parts_n = ARRAY_SIZE(bundle_parts);

int bundle_log(FILE *out, const char *path)
{
	__cleanup_file FILE *log = fopen(path, "re");
	__cleanup_free char *text = malloc(LOG_BYTES);
	size_t len;

	if (!log)
		return -errno;
	if (!text)
		return -ENOMEM;
	if (fseek(log, -LOG_BYTES, SEEK_END) && fseek(log, 0, SEEK_SET))
		return -errno;
	len = fread(text, 1, LOG_BYTES, log);
	if (ferror(log))
		return -EIO;
	for (size_t i = 0; i < len; i++)
		fputc(text[i] ? text[i] : '?', out);
	return 0;
}
