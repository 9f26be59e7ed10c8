/* SPDX-License-Identifier: BSD-2-Clause */
/* import: prints iptables-save text as a configuration file, and says what it cannot translate. */
#include <string.h>

#include "loader/app/app.h"
#include "loader/commands.h"
#include "loader/show/show.h"
#include "policy/import/import.h"

enum { OPT_IPV6 = 3000 };

static const struct option options[] = { { "ipv6", no_argument, NULL, OPT_IPV6 },
					 APP_LONG_OPTIONS };

struct remarks {
	const char *name;
	FILE *text; /* comments for the head of the file */
	struct json_object *lines, *notes;
	size_t n; /* that make a difference */
};

static void left_out(unsigned int line, const char *text, const char *why, bool needless, void *arg)
{
	struct remarks *remarks = arg;
	struct json_object *object = json_object_new_object();

	remarks->n += !needless;
	if (!needless)
		log_warn("%s:%u: %s: %s", remarks->name, line, text, why);
	fprintf(remarks->text, "# %s: %s\n#   %s\n", needless ? "not needed" : "NOT TRANSLATED",
		text, why);
	json_object_object_add(object, "line", json_object_new_int64(line));
	json_object_object_add(object, "text", json_object_new_string(text));
	json_object_object_add(object, "reason", json_object_new_string(why));
	json_object_object_add(object, "needless", json_object_new_boolean(needless));
	json_object_array_add(remarks->lines, object);
}

static void note(const char *text, bool hint, void *arg)
{
	struct remarks *remarks = arg;
	struct json_object *object = json_object_new_object();

	remarks->n += !hint;
	if (!hint)
		log_warn("%s: %s", remarks->name, text);
	fprintf(remarks->text, "# %s: %s\n", hint ? "hint" : "DIFFERENT", text);
	json_object_object_add(object, "text", json_object_new_string(text));
	json_object_object_add(object, "hint", json_object_new_boolean(hint));
	json_object_array_add(remarks->notes, object);
}

static void print_config(const struct import *import, const struct config *config, FILE *out)
{
	fprintf(out,
		"# lines: %zu; in the rules: %zu, not needed: %zu, not translated: %zu, of other "
		"chains: %zu\n",
		import->lines, import->used, import->needless, import->left, import->elsewhere);
	if (import->any_interface)
		fprintf(out,
			"# Rules without an interface applied to all of them. Name those that\n"
			"# clients enter in [loader]: interfaces = IF ...\n");
	config_print(config, out);
}

static struct json_object *counts(const struct import *import)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "all", json_object_new_uint64(import->lines));
	json_object_object_add(object, "in_rules", json_object_new_uint64(import->used));
	json_object_object_add(object, "needless", json_object_new_uint64(import->needless));
	json_object_object_add(object, "left_out", json_object_new_uint64(import->left));
	json_object_object_add(object, "elsewhere", json_object_new_uint64(import->elsewhere));
	return object;
}

static int print_json(const struct import *import, const struct config *config,
		      struct remarks *remarks)
{
	struct json_object *root = show_json_root();
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out) {
		print_config(import, config, out);
		fclose(out);
	}
	json_object_object_add(root, "config", json_object_new_string(text ? text : ""));
	json_object_object_add(root, "left_out", json_object_get(remarks->lines));
	json_object_object_add(root, "notes", json_object_get(remarks->notes));
	json_object_object_add(root, "lines", counts(import));
	free(text);
	return show_json_print(root);
}

static int print(struct app *app, const struct import *import, const struct config *config,
		 struct remarks *remarks)
{
	if (app->json)
		return print_json(import, config, remarks);
	print_config(import, config, stdout);
	return EXIT_DONE;
}

static int run(struct app *app, FILE *in, struct import *import, struct remarks *remarks)
{
	struct config config __cleanup_config = { 0 };
	int code, err = import_iptables(import, in, &config);

	if (err) {
		log_error("%s: cannot be read: %s", remarks->name, strerror(-err));
		return EXIT_FAILED;
	}
	if (import->refused) {
		log_error("%s: not the output of iptables-save: %s", remarks->name,
			  import->refused);
		return EXIT_FAILED;
	}
	fflush(remarks->text);
	code = print(app, import, &config, remarks);
	if (config_is_empty(&config)) {
		log_error("%s: no line intercepts flows in a way that rules can (see the remarks)",
			  remarks->name);
		return EXIT_FAILED;
	}
	return code || !remarks->n ? code : EXIT_REMARKS;
}

static int import_from(struct app *app, FILE *in, const char *name, bool ipv6)
{
	struct remarks remarks = { .name = name,
				   .text = app->json ? fopen("/dev/null", "we") : stdout,
				   .lines = json_object_new_array(),
				   .notes = json_object_new_array() };
	struct import import = {
		.ipv6 = ipv6, .left_out = left_out, .note = note, .arg = &remarks
	};
	int code = EXIT_FAILED;

	if (remarks.text)
		code = run(app, in, &import, &remarks);
	if (remarks.text && app->json)
		fclose(remarks.text);
	json_object_put(remarks.lines);
	json_object_put(remarks.notes);
	return code;
}

int cmd_import(struct app *app, int argc, char **argv)
{
	__cleanup_file FILE *file = NULL;
	const char *operand, *path = NULL;
	bool ipv6 = false;
	int opt;

	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (opt == OPT_IPV6)
			ipv6 = true;
		if (!opt && path)
			return app_usage_error("import: unexpected argument %s", operand);
		if (!opt)
			path = operand;
	}
	if (!path || !strcmp(path, "-"))
		return import_from(app, stdin, "stdin", ipv6);
	file = fopen(path, "re");
	if (file)
		return import_from(app, file, path, ipv6);
	log_error("%s: cannot be read: %s", path, strerror(errno));
	return EXIT_FAILED;
}
