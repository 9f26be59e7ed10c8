/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/doctor/bundle/bundle.h"

#include <string.h>

#include "loader/doctor/bundle/archive.h"
#include "loader/doctor/bundle/parts.h"
#include "loader/doctor/bundle/redact.h"
#include "loader/show/show.h"

#define LOG_PART "relay.log"

struct packing {
	struct bundle_file file;
	struct examination e;
	const struct bundle_want *want;
	struct app *app;
};

static bool is_wanted(const struct packing *p, const struct bundle_part *part)
{
	return !part->attached || p->e.checkup.attached;
}

/* ---- parts -------------------------------------------------------------- */

/* Names and logs may have any byte, and a terminal that shows the text must not obey them. */
static void disarm(char *text)
{
	for (; *text; text++)
		if ((*text > 0 && *text < ' ' && *text != '\n' && *text != '\t') || *text == 0x7f)
			*text = '?';
}

/* Closes the stream of open_memstream, replaces secrets and packs. The text is freed. */
static int pack(struct packing *p, const char *name, FILE *out, char **text)
{
	int err = fclose(out) || !*text ? -ENOMEM : 0;

	if (!err) {
		redact(*text);
		disarm(*text);
		err = bundle_file_add(&p->file, name, *text, strlen(*text));
	}
	free(*text);
	return err;
}

static int pack_part(struct packing *p, const struct bundle_part *part)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	part->write(out, &p->e);
	return pack(p, part->name, out, &text);
}

static int pack_log(struct packing *p)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int err;

	if (!out)
		return -ENOMEM;
	err = bundle_log(out, p->want->log);
	if (err)
		fprintf(out, "%s: %s\n", p->want->log, strerror(-err));
	return pack(p, LOG_PART, out, &text);
}

static int pack_all(struct packing *p)
{
	int err = 0;

	for (size_t i = 0; i < bundle_parts_n && !err; i++)
		if (is_wanted(p, &bundle_parts[i]))
			err = pack_part(p, &bundle_parts[i]);
	if (!err && p->want->log)
		err = pack_log(p);
	return err ? err : bundle_file_finish(&p->file);
}

/* ---- the answer --------------------------------------------------------- */

static int print_json(const struct packing *p)
{
	struct json_object *root = show_json_root(), *parts = json_object_new_array();

	for (size_t i = 0; i < bundle_parts_n; i++)
		if (is_wanted(p, &bundle_parts[i]))
			json_object_array_add(parts, json_object_new_string(bundle_parts[i].name));
	if (p->want->log)
		json_object_array_add(parts, json_object_new_string(LOG_PART));
	json_object_object_add(root, "bundle", json_object_new_string(p->want->path));
	json_object_object_add(root, "parts", parts);
	return show_json_print(root);
}

static int print_text(const struct packing *p)
{
	printf("%s contains:\n", p->want->path);
	for (size_t i = 0; i < bundle_parts_n; i++)
		if (is_wanted(p, &bundle_parts[i]))
			printf("  %-15s %s\n", bundle_parts[i].name, bundle_parts[i].what);
	if (p->want->log)
		printf("  %-15s the last lines of %s, with addresses of clients\n", LOG_PART,
		       p->want->log);
	printf("Passwords are replaced by ***. Addresses of this host, of its networks and of the "
	       "policy are in it,\nand the latest flow of each rule: look at it before you send it.\n");
	return EXIT_DONE;
}

static int write_bundle(struct packing *p)
{
	const char *path = p->want->path;
	int err = bundle_file_create(&p->file, path);

	if (!err)
		err = pack_all(p);
	if (!err)
		return EXIT_DONE;
	if (err == -EEXIST)
		log_error("%s: exists already (give the name of a new file)", path);
	else
		log_error("%s: cannot write it: %s (nothing is left of it)", path, strerror(-err));
	return EXIT_FAILED;
}

int doctor_bundle(struct app *app, const char *ifname, const struct bundle_want *want)
{
	struct packing p = {
		.e = EXAMINATION_CLOSED, .file = { .fd = -1 }, .want = want, .app = app
	};
	int code;

	if (!access(want->path, F_OK)) {
		log_error("%s: exists already (give the name of a new file)", want->path);
		return EXIT_FAILED;
	}
	code = examine(&p.e, app, ifname);
	if (!code)
		code = write_bundle(&p);
	if (!code)
		code = app->json ? print_json(&p) : print_text(&p);
	bundle_file_close(&p.file);
	examination_close(&p.e);
	return code;
}
