/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/show/adopted.h"

#include <string.h>

#include "kernel/shim/shim.h"
#include "lib/log.h"
#include "lib/plain.h"
#include "loader/adopt/words.h"
#include "loader/app/app.h"
#include "loader/show/show.h"

static size_t count_sockets(const struct records *records, const struct record *record)
{
	size_t n = 0;

	for (size_t i = 0; i < records->n_sockets; i++)
		n += !memcmp(&records->sockets[i].value.key, &record->key, sizeof(record->key));
	return n;
}

static void add_text(struct json_object *object, const char *key, const char *text)
{
	char plain[PROCESS_EXE_LEN];

	plain_text(text, sizeof(plain), plain, sizeof(plain));
	json_object_object_add(object, key, json_object_new_string(plain));
}

static struct json_object *record_json(const struct records *records, const struct record *record)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "program", record->value.comm);
	add_text(o, "exe", record->value.exe);
	json_object_object_add(o, "uid", json_object_new_int64(record->key.uid));
	json_object_object_add(o, "pid", json_object_new_int64(record->value.pid));
	add_text(o, "protocol", words_protocol(record->key.protocol));
	json_object_object_add(o, "port", json_object_new_int(record->key.port));
	json_object_object_add(o, "sockets",
			       json_object_new_uint64(count_sockets(records, record)));
	if (*record->value.cgroup)
		add_text(o, "cgroup", record->value.cgroup);
	return o;
}

struct json_object *adopted_json(const struct records *records)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < records->n; i++)
		json_object_array_add(array, record_json(records, &records->items[i]));
	return array;
}

struct json_object *shims_json(const struct state *state)
{
	struct json_object *array = json_object_new_array();
	struct shim shims[SHIM_MAX];
	int n = shim_list(state, shims);

	for (int i = 0; i < n; i++) {
		struct json_object *o = json_object_new_object();

		add_text(o, "cgroup", shims[i].path);
		json_object_object_add(o, "id", json_object_new_uint64(shims[i].id));
		json_object_object_add(o, "adopted", json_object_new_boolean(shims[i].adopted));
		json_object_object_add(o, "attached", json_object_new_boolean(shims[i].alive));
		json_object_array_add(array, o);
	}
	return array;
}

static void print_record(const struct records *records, const struct record *record)
{
	const size_t sockets = count_sockets(records, record);
	char comm[sizeof(record->value.comm)], exe[PROCESS_EXE_LEN];

	plain_text(record->value.comm, sizeof(comm), comm, sizeof(comm));
	plain_text(record->value.exe, sizeof(exe), exe, sizeof(exe));
	printf("  %s port %u: %s (pid %u, uid %u, %s), ", words_protocol(record->key.protocol),
	       record->key.port, comm, record->value.pid, record->key.uid, exe);
	if (sockets)
		printf("%zu socket%s\n", sockets, sockets == 1 ? "" : "s");
	else
		printf("gone: `watch` adopts it again when it listens\n");
}

void adopted_print(const struct records *records)
{
	if (records->n)
		printf("adopted:\n");
	for (size_t i = 0; i < records->n; i++)
		print_record(records, &records->items[i]);
}

void shims_print(const struct state *state)
{
	struct shim shims[SHIM_MAX];
	int n = shim_list(state, shims);

	if (n > 0)
		printf("SO_ORIGINAL_DST is answered in:\n");
	for (int i = 0; i < n; i++) {
		char path[SHIM_PATH_LEN];

		plain_text(shims[i].path, sizeof(path), path, sizeof(path));
		printf("  cgroup %s%s%s\n", path, shims[i].adopted ? ", of an adopted program" : "",
		       shims[i].alive ? "" : ": gone (`watch` follows it when it is made again)");
	}
}

static void print_record_comment(const struct record *record)
{
	char text[WORDS_LEN];

	words_record(record, text);
	printf("# adopted: uid %u, %s: no part of the policy (tproxy-loader adopt --pid N --port "
	       "%s/%u%s)\n",
	       record->key.uid, text, words_protocol(record->key.protocol), record->key.port,
	       *record->value.cgroup ? " --original-dst" : "");
}

void adopted_print_comments(const struct state *state)
{
	struct records records __cleanup_records = RECORDS_CLOSED;
	struct shim shims[SHIM_MAX];
	int n = shim_list(state, shims);

	if (records_open(state, &records))
		return;
	for (size_t i = 0; i < records.n; i++)
		print_record_comment(&records.items[i]);
	for (int i = 0; i < n; i++) {
		if (shims[i].adopted)
			continue;
		plain_make(shims[i].path);
		printf("# SO_ORIGINAL_DST: no part of the policy (tproxy-loader shim --cgroup %s)\n",
		       shims[i].path);
	}
}

int adopted_show(const struct state *state, bool json)
{
	struct records records __cleanup_records = RECORDS_CLOSED;
	struct json_object *root;
	int err = records_open(state, &records);

	if (err) {
		log_error("%s: cannot read what is adopted: %s", state->dir, strerror(-err));
		return EXIT_FAILED;
	}
	if (json) {
		root = show_json_root();
		json_object_object_add(root, "adopted", adopted_json(&records));
		json_object_object_add(root, "shims", shims_json(state));
		return show_json_print(root);
	}
	if (!records.n)
		log_info("nothing is adopted");
	adopted_print(&records);
	shims_print(state);
	return EXIT_DONE;
}
