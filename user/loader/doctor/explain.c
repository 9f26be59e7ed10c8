/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor --explain. */
#include <string.h>

#include "loader/check/kinds.h"
#include "loader/doctor/doctor_print.h"
#include "loader/show/show.h"

static const char *const fix_texts[] = {
	[FIX_NONE] = "not by --fix",
	[FIX_REPAIR] = "--fix repairs it",
	[FIX_CLEAN] = "--fix removes it",
	[FIX_SYSCTL] = "--fix writes the sysctl",
};

static void print_paragraph(const char *title, const char *text)
{
	enum { WIDTH = 78, INDENT = 10 };
	int column = INDENT;

	printf("  %-*s", INDENT - 2, title);
	while (*text) {
		const int len = (int)strcspn(text, " ");

		if (column > INDENT && column + len + 1 > WIDTH) {
			printf("\n%*s", INDENT, "");
			column = INDENT;
		}
		column += printf(column > INDENT ? " %.*s" : "%.*s", len, text);
		text += len + (text[len] == ' ');
	}
	printf("\n");
}

static void print_kind(const struct kind *kind)
{
	printf("%s: %s\n", kind->id, kind->title);
	print_paragraph("effect", kind->means);
	print_paragraph("cause", kind->cause);
	print_paragraph("see", kind->see);
	print_paragraph("cure", kind->cure);
	print_paragraph("", fix_texts[kind->fix]);
}

static struct json_object *kind_json(const struct kind *kind)
{
	struct json_object *object = json_object_new_object();
	const struct {
		const char *key, *text;
	} texts[] = {
		{ "id", kind->id },       { "title", kind->title }, { "effect", kind->means },
		{ "cause", kind->cause }, { "see", kind->see },     { "cure", kind->cure },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		json_object_object_add(object, texts[i].key, json_object_new_string(texts[i].text));
	json_object_object_add(object, "fix", json_object_new_boolean(kind->fix != FIX_NONE));
	return object;
}

/* All, or only this one. */
static int print_json(const struct kind *only)
{
	struct json_object *root = show_json_root(), *array = json_object_new_array();

	for (const struct kind *k = kind_next(NULL); k; k = kind_next(k))
		if (!only || k == only)
			json_object_array_add(array, kind_json(k));
	json_object_object_add(root, "problems", array);
	return show_json_print(root);
}

int doctor_explain(const char *id, bool json)
{
	const struct kind *kind = id ? kind_find(id) : NULL;

	if (id && !kind)
		return app_usage_error("doctor --explain %s: no such problem (doctor --explain "
				       "lists all)",
				       id);
	if (json)
		return print_json(kind);
	if (kind)
		print_kind(kind);
	for (const struct kind *k = id ? NULL : kind_next(NULL); k; k = kind_next(k))
		printf("%-26s %s\n", k->id, k->title);
	return EXIT_DONE;
}
