/* SPDX-License-Identifier: BSD-2-Clause */
/* import: prints iptables-save text as a configuration file, and lists what it cannot translate. */
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
	struct json_object *array;
	size_t n, needless;
};

static void left_out(unsigned int line, const char *text, const char *why, bool needless, void *arg)
{
	struct remarks *remarks = arg;
	struct json_object *object = json_object_new_object();

	remarks->n += !needless;
	remarks->needless += needless;
	if (!needless)
		log_warn("%s:%u: %s: %s", remarks->name, line, text, why);
	fprintf(remarks->text, "# %s: %s\n#   %s\n", needless ? "not needed" : "NOT TRANSLATED",
		text, why);
	json_object_object_add(object, "line", json_object_new_int64(line));
	json_object_object_add(object, "text", json_object_new_string(text));
	json_object_object_add(object, "reason", json_object_new_string(why));
	json_object_object_add(object, "needless", json_object_new_boolean(needless));
	json_object_array_add(remarks->array, object);
}

static void print_config(const struct import *import, const struct config *config, FILE *out)
{
	if (import->any_interface)
		fprintf(out,
			"# Rules without an interface applied to all of them. Name those that\n"
			"# clients enter in [loader]: interfaces = IF ...\n");
	config_print(config, out);
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
	json_object_object_add(root, "left_out", json_object_get(remarks->array));
	free(text);
	return show_json_print(root);
}

static int run(struct app *app, FILE *in, struct import *import, struct remarks *remarks,
	       char **text)
{
	struct config config __cleanup_config = { 0 };
	int code = EXIT_DONE, err = import_iptables(import, in, &config);

	if (err) {
		log_error("%s: cannot be read: %s", remarks->name, strerror(-err));
		return EXIT_FAILED;
	}
	if (app->json) {
		code = print_json(import, &config, remarks);
	} else {
		fflush(remarks->text);
		fputs(*text, stdout);
		print_config(import, &config, stdout);
	}
	return code || !remarks->n ? code : EXIT_REMARKS;
}

static int import_from(struct app *app, FILE *in, const char *name, bool ipv6)
{
	char *text = NULL;
	size_t len;
	struct remarks remarks = { .name = name,
				   .text = open_memstream(&text, &len),
				   .array = json_object_new_array() };
	struct import import = { .ipv6 = ipv6, .left_out = left_out, .arg = &remarks };
	int code = EXIT_FAILED;

	if (remarks.text) {
		code = run(app, in, &import, &remarks, &text);
		fclose(remarks.text);
	}
	free(text);
	json_object_put(remarks.array);
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
